// Where a URL leads, as the guard names it.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "henb-x2sec/core/ports/guard.h"

namespace henb::x2sec::app {

/// http://HOST[:PORT]/PATH of printable characters: where signed things are published. Pure.
[[nodiscard]] bool IsPlainHttpUrl(std::string_view url);
inline constexpr std::string_view kNotPlainHttpUrl = ", which is not http://HOST[:PORT]/PATH";

/// The host of http(s)://HOST[:PORT][/…], without brackets. Pure.
[[nodiscard]] std::string_view HostOf(std::string_view url);
/// Its port, 443 or 80 where it names none. Pure.
[[nodiscard]] std::optional<std::uint16_t> PortOf(std::string_view url);
/// Its address and port; none where the host is a name. Pure.
[[nodiscard]] std::optional<core::BackhaulOnlyService> ServiceOf(std::string_view url);

}  // namespace henb::x2sec::app
