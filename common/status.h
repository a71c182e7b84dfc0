// Helpers for absl::Status, the one error type of the house.
#pragma once

#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/strings.h"

namespace henb::common {

/// `status` with `context` put before its message ("loading policy: rules[3]…"). OK stays OK. Any thread.
[[nodiscard]] inline absl::Status WithContext(const absl::Status& status, std::string_view context) {
  if (status.ok()) return status;
  return absl::Status(status.code(), StrCat(context, ": ", status.message()));
}

}  // namespace henb::common

#define HENB_CONCAT_INNER(a, b) a##b
#define HENB_CONCAT(a, b) HENB_CONCAT_INNER(a, b)

/// Returns from the calling function when `expr` is not OK.
#define RETURN_IF_ERROR(expr)                  \
  do {                                         \
    absl::Status henb_status = (expr);         \
    if (!henb_status.ok()) return henb_status; \
  } while (false)

/// The same, with context added.
#define RETURN_IF_ERROR_CTX(expr, context)                                           \
  do {                                                                               \
    absl::Status henb_status = (expr);                                               \
    if (!henb_status.ok()) return ::henb::common::WithContext(henb_status, context); \
  } while (false)

/// `ASSIGN_OR_RETURN(auto x, Compute());`
#define ASSIGN_OR_RETURN(lhs, expr) HENB_ASSIGN_OR_RETURN_IMPL(HENB_CONCAT(henb_statusor_, __LINE__), lhs, expr)
#define HENB_ASSIGN_OR_RETURN_IMPL(var, lhs, expr) \
  auto var = (expr);                               \
  if (!var.ok()) return var.status();              \
  lhs = std::move(var).value()

/// The same, with context added.
#define ASSIGN_OR_RETURN_CTX(lhs, expr, context) \
  HENB_ASSIGN_OR_RETURN_CTX_IMPL(HENB_CONCAT(henb_statusor_, __LINE__), lhs, expr, context)
#define HENB_ASSIGN_OR_RETURN_CTX_IMPL(var, lhs, expr, context)             \
  auto var = (expr);                                                        \
  if (!var.ok()) return ::henb::common::WithContext(var.status(), context); \
  lhs = std::move(var).value()
