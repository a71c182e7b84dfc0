#include "keydist-server/pkcs11/pkcs11_kek.h"

#include <array>
#include <vector>

#include "common/digest.h"
#include "common/status.h"

namespace henb::keydist::pkcs11 {
namespace {

constexpr CK_ULONG kTagBits = domain::kSealTagSize * 8;

bool IsTrue(const CK_BBOOL value) { return value == CK_TRUE; }

/// Codes by which a token says that the text is not what this key sealed.
bool IsAltered(CK_RV code) { return code == CKR_ENCRYPTED_DATA_INVALID || code == CKR_ENCRYPTED_DATA_LEN_RANGE; }

}  // namespace

struct Pkcs11Kek::Operation {
  Way way = Way::kEncrypt;
  domain::SealNonce nonce;
  std::string additional;
  const std::uint8_t* in = nullptr;
  std::size_t in_size = 0;
  std::uint8_t* out = nullptr;
  CK_ULONG out_size = 0;
  const char* failed = "";  ///< The function that did.
};

absl::StatusOr<std::shared_ptr<Pkcs11Kek>> Pkcs11Kek::Open(Pkcs11Uri uri) {
  std::shared_ptr<Pkcs11Kek> kek(new Pkcs11Kek(std::move(uri)));
  const std::lock_guard lock(kek->mutex_);
  RETURN_IF_ERROR_CTX(kek->Reopen(), kek->place_);
  return kek;
}

absl::Status Pkcs11Kek::Reopen() {
  RETURN_IF_ERROR(refused_);
  session_.reset();
  absl::StatusOr<std::unique_ptr<Pkcs11Session>> session = Pkcs11Session::Open(uri_, Pkcs11Session::Access::kReading);
  if (absl::IsInvalidArgument(session.status())) refused_ = session.status();
  RETURN_IF_ERROR(session.status());
  ASSIGN_OR_RETURN(key_, (*session)->FindKey(uri_));
  session_ = *std::move(session);
  RETURN_IF_ERROR(CheckKey());
  ASSIGN_OR_RETURN(std::string id, ReadId());
  if (!id_.empty() && id != id_) {
    session_.reset();
    return absl::FailedPreconditionError("another key has taken its place");
  }
  id_ = std::move(id);
  return absl::OkStatus();
}

absl::Status Pkcs11Kek::CheckKey() const {
  CK_ULONG size = 0;
  CK_BBOOL sensitive = CK_FALSE;
  CK_BBOOL extractable = CK_TRUE;
  CK_BBOOL encrypts = CK_FALSE;
  CK_BBOOL decrypts = CK_FALSE;
  CK_ATTRIBUTE attributes[] = {{CKA_VALUE_LEN, &size, sizeof size},
                               {CKA_SENSITIVE, &sensitive, sizeof sensitive},
                               {CKA_EXTRACTABLE, &extractable, sizeof extractable},
                               {CKA_ENCRYPT, &encrypts, sizeof encrypts},
                               {CKA_DECRYPT, &decrypts, sizeof decrypts}};
  const CK_RV code = session_->call().C_GetAttributeValue(session_->handle(), key_, attributes, std::size(attributes));
  if (code != CKR_OK) return FailedCall("C_GetAttributeValue", code);
  if (size != domain::kKekSize) return absl::InvalidArgumentError("the key is not one of 256 bits");
  if (!IsTrue(sensitive) || IsTrue(extractable)) {
    return absl::InvalidArgumentError("the key can be taken out of the token (CKA_SENSITIVE, CKA_EXTRACTABLE)");
  }
  if (!IsTrue(encrypts) || !IsTrue(decrypts)) {
    return absl::InvalidArgumentError("the key may not seal and open (CKA_ENCRYPT, CKA_DECRYPT)");
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> Pkcs11Kek::ReadId() {
  // The tag of an empty text: the same wherever this key lies, and as good as random to everybody else. Its nonce is
  // never used for anything else.
  Operation operation;
  const std::string nonce(
      common::Sha256Digest::Of("henb-x2sec/kek-id/pkcs11/v1").bytes().substr(0, domain::kSealNonceSize));
  std::copy(nonce.begin(), nonce.end(), operation.nonce.begin());
  operation.additional = "henb-x2sec/kek-id/pkcs11/v1";
  std::array<std::uint8_t, domain::kSealTagSize> tag = {};
  operation.out = tag.data();
  operation.out_size = tag.size();
  if (const CK_RV code = Run(&operation); code != CKR_OK) return FailedCall(operation.failed, code);
  if (operation.out_size != tag.size())
    return absl::InvalidArgumentError("the token's CKM_AES_GCM has no tag of 128 bits");
  const std::string text = operation.additional + std::string(tag.begin(), tag.end());
  return std::string(common::Sha256Digest::Of(text).bytes().substr(0, domain::kKekIdSize));
}

CK_RV Pkcs11Kek::Run(Operation* operation) {
  CK_GCM_PARAMS parameters = {};
  parameters.pIv = operation->nonce.data();
  parameters.ulIvLen = operation->nonce.size();
  parameters.ulIvBits = operation->nonce.size() * 8;
  parameters.pAAD = reinterpret_cast<unsigned char*>(operation->additional.data());
  parameters.ulAADLen = operation->additional.size();
  parameters.ulTagBits = kTagBits;
  CK_MECHANISM mechanism = {CKM_AES_GCM, &parameters, sizeof parameters};
  const CK_FUNCTION_LIST& call = session_->call();
  const CK_SESSION_HANDLE handle = session_->handle();
  const bool encrypt = operation->way == Way::kEncrypt;
  CK_RV code = encrypt ? call.C_EncryptInit(handle, &mechanism, key_) : call.C_DecryptInit(handle, &mechanism, key_);
  operation->failed = encrypt ? "C_EncryptInit" : "C_DecryptInit";
  if (code != CKR_OK) return code;
  // An empty text still needs a place.
  unsigned char nothing = 0;
  auto* const in = operation->in_size == 0 ? &nothing : const_cast<unsigned char*>(operation->in);
  operation->failed = encrypt ? "C_Encrypt" : "C_Decrypt";
  code = encrypt ? call.C_Encrypt(handle, in, operation->in_size, operation->out, &operation->out_size)
                 : call.C_Decrypt(handle, in, operation->in_size, operation->out, &operation->out_size);
  return code;
}

absl::Status Pkcs11Kek::RunAnew(Operation* operation) {
  const CK_ULONG room = operation->out_size;
  for (const bool again : {false, true}) {
    if (!session_ || again) RETURN_IF_ERROR(Reopen());
    operation->out_size = room;
    const CK_RV code = Run(operation);
    if (code == CKR_OK) return absl::OkStatus();
    if (operation->way == Way::kDecrypt && IsAltered(code)) return absl::DataLossError("altered");
    if (again) {
      session_.reset();  // It may be left in the middle of an operation.
      // A token that works and does not open it says so in its own way.
      if (operation->way == Way::kDecrypt && code == CKR_GENERAL_ERROR && Reopen().ok()) {
        return absl::DataLossError("altered, or sealed for something else");
      }
      return FailedCall(operation->failed, code);
    }
  }
  return absl::InternalError("not reached");
}

absl::StatusOr<std::string> Pkcs11Kek::Encrypt(const domain::SealNonce& nonce, std::string_view additional,
                                               const common::SecretBytes& plain) {
  const std::lock_guard lock(mutex_);
  std::string sealed(plain.size() + domain::kSealTagSize, '\0');
  Operation operation;
  operation.nonce = nonce;
  operation.additional = additional;
  operation.in = plain.data();
  operation.in_size = plain.size();
  operation.out = reinterpret_cast<std::uint8_t*>(sealed.data());
  operation.out_size = sealed.size();
  RETURN_IF_ERROR(RunAnew(&operation));
  if (operation.out_size != sealed.size())
    return absl::UnavailableError("C_Encrypt: not of the size that it must have");
  return sealed;
}

absl::StatusOr<common::SecretBytes> Pkcs11Kek::Decrypt(const domain::SealNonce& nonce, std::string_view additional,
                                                       std::string_view sealed) {
  if (sealed.size() < domain::kSealTagSize) return absl::DataLossError("too short to be sealed");
  const std::lock_guard lock(mutex_);
  common::SecretBytes plain(sealed.size());  // Some tokens want as much room as they are given.
  Operation operation;
  operation.way = Way::kDecrypt;
  operation.nonce = nonce;
  operation.additional = additional;
  operation.in = reinterpret_cast<const std::uint8_t*>(sealed.data());
  operation.in_size = sealed.size();
  operation.out = plain.data();
  operation.out_size = plain.size();
  RETURN_IF_ERROR(RunAnew(&operation));
  if (operation.out_size != sealed.size() - domain::kSealTagSize) {
    return absl::UnavailableError("C_Decrypt: not of the size that it must have");
  }
  return common::SecretBytes::CopyOf(plain.span().first(operation.out_size));
}

absl::Status Pkcs11Kek::Check() {
  const std::lock_guard lock(mutex_);
  if (!session_) return common::WithContext(Reopen(), place_);
  if (ReadId().ok()) return absl::OkStatus();
  return common::WithContext(Reopen(), place_);
}

absl::Status Pkcs11Kek::Generate(const Pkcs11Uri& uri, common::Random& random) {
  if (uri.object.empty() || !uri.id.empty()) {
    return absl::InvalidArgumentError("a new key is named by its label alone: object=…");
  }
  ASSIGN_OR_RETURN_CTX(const std::unique_ptr<Pkcs11Session> session,
                       Pkcs11Session::Open(uri, Pkcs11Session::Access::kWriting), uri.Text());
  absl::Status there = session->FindKey(uri).status();
  if (there.ok() || absl::IsInvalidArgument(there)) {
    return absl::AlreadyExistsError(common::StrCat(uri.Text(), ": is there already"));
  }
  if (!absl::IsNotFound(there)) return there;
  std::string label = uri.object;
  std::array<std::uint8_t, 8> id;
  random.Fill(id);
  CK_ULONG size = domain::kKekSize;
  CK_BBOOL yes = CK_TRUE;
  CK_BBOOL no = CK_FALSE;
  std::vector<CK_ATTRIBUTE> attributes = {{CKA_LABEL, label.data(), label.size()},
                                          {CKA_ID, id.data(), id.size()},
                                          {CKA_VALUE_LEN, &size, sizeof size},
                                          {CKA_TOKEN, &yes, sizeof yes},
                                          {CKA_PRIVATE, &yes, sizeof yes},
                                          {CKA_SENSITIVE, &yes, sizeof yes},
                                          {CKA_EXTRACTABLE, &no, sizeof no},
                                          {CKA_ENCRYPT, &yes, sizeof yes},
                                          {CKA_DECRYPT, &yes, sizeof yes},
                                          {CKA_WRAP, &no, sizeof no},
                                          {CKA_UNWRAP, &no, sizeof no}};
  CK_MECHANISM mechanism = {CKM_AES_KEY_GEN, nullptr, 0};
  CK_OBJECT_HANDLE key = 0;
  const CK_RV code =
      session->call().C_GenerateKey(session->handle(), &mechanism, attributes.data(), attributes.size(), &key);
  return code == CKR_OK ? absl::OkStatus() : common::WithContext(FailedCall("C_GenerateKey", code), uri.Text());
}

}  // namespace henb::keydist::pkcs11
