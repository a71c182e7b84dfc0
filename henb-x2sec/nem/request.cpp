#include "henb-x2sec/nem/request.h"

namespace henb::x2sec::nem {

std::string_view NameOf(RequestState state) {
  switch (state) {
    case RequestState::kPending:
      return "PENDING";
    case RequestState::kSending:
      return "SENDING";
    case RequestState::kConfirming:
      return "CONFIRMING";
    case RequestState::kIssued:
      return "ISSUED";
    case RequestState::kTaken:
      return "TAKEN";
    case RequestState::kRefused:
      return "REFUSED";
    case RequestState::kRejected:
      return "REJECTED";
    case RequestState::kExported:
      return "EXPORTED";
    case RequestState::kReplaced:
      break;
  }
  return "REPLACED";
}

std::optional<RequestState> StateNamed(std::string_view name) {
  for (const RequestState state : kAllStates) {
    if (NameOf(state) == name) return state;
  }
  return std::nullopt;
}

}  // namespace henb::x2sec::nem
