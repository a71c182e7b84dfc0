// R48: secrets are zeroised, unprintable, and leave no copies.
#include "common/secret_bytes.h"

#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <concepts>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <ostream>
#include <type_traits>

#include "common/log.h"

namespace {

thread_local const void* watched = nullptr;
thread_local std::array<std::uint8_t, 16> octets_when_freed;

void Free(void* memory) noexcept {
  if (memory != nullptr && memory == watched) std::memcpy(octets_when_freed.data(), memory, octets_when_freed.size());
  std::free(memory);
}

}  // namespace

// What is in memory when it is given back: nothing else can see that.
void* operator new(std::size_t size) {
  if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { Free(memory); }
void operator delete(void* memory, std::size_t /*size*/) noexcept { Free(memory); }

namespace henb::common {
namespace {

template <typename T>
concept Printable = requires(std::ostream& out, const T& value) {
  out << value;
};

static_assert(!Printable<SecretBytes>);
static_assert(!std::is_copy_constructible_v<SecretBytes> && !std::is_copy_assignable_v<SecretBytes>);
static_assert(!std::equality_comparable<SecretBytes>);
static_assert(!std::is_convertible_v<SecretBytes, std::string>);
static_assert(!std::is_convertible_v<SecretBytes, std::string_view>);
static_assert(!std::is_constructible_v<LogField, std::string_view, const SecretBytes&>);

TEST(SecretBytes, R48WipesWhatItLeaves) {
  SecretBytes secret = SecretBytes::CopyOf(std::string_view("0123456789abcdef"));
  const std::uint8_t* memory = secret.data();
  secret.Wipe();
  EXPECT_TRUE(secret.empty());
  // The buffer still belongs to the object: its octets can be looked at.
  for (int i = 0; i < 16; ++i) EXPECT_EQ(memory[i], 0) << i;
}

TEST(SecretBytes, R48WipesWhatItFrees) {
  const auto secret = [] { return SecretBytes::CopyOf(std::string_view("0123456789abcdef")); };
  const auto left_by = [&](auto end) {
    auto held = std::make_unique<SecretBytes>(secret());
    watched = held->data();
    octets_when_freed.fill(1);
    end(held);
    watched = nullptr;
    return octets_when_freed;
  };
  const std::array<std::uint8_t, 16> nothing{};
  EXPECT_EQ(left_by([](auto& held) { held.reset(); }), nothing);
  EXPECT_EQ(left_by([&](auto& held) { *held = secret(); }), nothing);
  EXPECT_EQ(left_by([](auto& held) { held->Append(std::string(200, 'x')); }), nothing);
}

TEST(SecretBytes, MovingEmptiesTheSource) {
  SecretBytes a = SecretBytes::CopyOf(std::string_view("key"));
  SecretBytes b = std::move(a);
  EXPECT_TRUE(a.empty());  // NOLINT(bugprone-use-after-move,clang-analyzer-cplusplus.Move): that is what is tested
  EXPECT_EQ(b.view(), "key");
  SecretBytes c = SecretBytes::CopyOf(std::string_view("older"));
  c = std::move(b);
  EXPECT_TRUE(b.empty());  // NOLINT(bugprone-use-after-move,clang-analyzer-cplusplus.Move)
  EXPECT_EQ(c.view(), "key");
  SecretBytes& same = c;
  c = std::move(same);
  EXPECT_EQ(c.view(), "key");
}

TEST(SecretBytes, AppendsAlsoFromItself) {
  SecretBytes secret;
  for (int i = 0; i < 100; ++i) secret.Append("ab");
  EXPECT_EQ(secret.size(), 200U);
  EXPECT_EQ(secret.view().substr(198), "ab");
  secret.Append(secret.span());
  EXPECT_EQ(secret.size(), 400U);
  EXPECT_EQ(secret.view().substr(0, 200), secret.view().substr(200));
}

TEST(SecretBytes, AppendHexIsPlutosForm) {
  SecretBytes secret = SecretBytes::CopyOf(std::string_view("0x"));
  const std::uint8_t key[] = {0x00, 0xab, 0xff};
  secret.AppendHex(key);
  EXPECT_EQ(secret.view(), "0x00abff");
}

TEST(SecretBytes, CloneIsACopyOfItsOwn) {
  SecretBytes a = SecretBytes::CopyOf(std::string_view("key"));
  const SecretBytes b = a.Clone();
  a.Wipe();
  EXPECT_EQ(b.view(), "key");
}

TEST(SecretBytes, ConstantTimeEquals) {
  const auto secret = [](std::string_view text) { return SecretBytes::CopyOf(text); };
  EXPECT_TRUE(ConstantTimeEquals(secret("abc"), secret("abc")));
  EXPECT_FALSE(ConstantTimeEquals(secret("abc"), secret("abd")));
  EXPECT_FALSE(ConstantTimeEquals(secret("abc"), secret("ab")));
  EXPECT_TRUE(ConstantTimeEquals(SecretBytes(), SecretBytes()));
}

TEST(SecretBytes, R48NoCoreDumps) {
  const pid_t child = fork();
  if (child == 0) {
    DisableCoreDumps();
    rlimit limit{};
    getrlimit(RLIMIT_CORE, &limit);
    _exit(limit.rlim_max == 0 && prctl(PR_GET_DUMPABLE) == 0 ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

}  // namespace
}  // namespace henb::common
