#pragma once

#include <string_view>

namespace henb::common {

/// Tells the service manager, where there is one ($NOTIFY_SOCKET, sd_notify(3)): "READY=1", "STOPPING=1". What cannot
/// be told is not.
void NotifyServiceManager(std::string_view state);

}  // namespace henb::common
