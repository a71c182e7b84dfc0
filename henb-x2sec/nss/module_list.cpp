#include "henb-x2sec/nss/module_list.h"

#include <sys/stat.h>

#include "common/file.h"
#include "common/status.h"

namespace henb::x2sec::nss {
namespace {

std::string ListOf(const std::string& directory) { return common::StrCat(directory, "/pkcs11.txt"); }

bool Names(std::string_view list, const std::string& module) {
  const std::string line = common::StrCat("library=", module);
  for (std::size_t at = list.find(line); at != std::string_view::npos; at = list.find(line, at + 1)) {
    const std::size_t end = at + line.size();
    if ((at == 0 || list[at - 1] == '\n') && (end == list.size() || list[end] == '\n')) return true;
  }
  return false;
}

}  // namespace

absl::StatusOr<bool> HasModule(const std::string& directory, const std::string& module) {
  ASSIGN_OR_RETURN(const std::string list, common::ReadFile(ListOf(directory)));
  return Names(list, module);
}

absl::StatusOr<bool> AddModule(const std::string& directory, const std::string& module) {
  if (module.find_first_of("\n\r") != std::string::npos)
    return absl::InvalidArgumentError("the module's path has a line break in it");
  const std::string path = ListOf(directory);
  ASSIGN_OR_RETURN(std::string list, common::ReadFile(path));
  if (Names(list, module)) return false;
  struct stat info {};
  const mode_t mode = stat(path.c_str(), &info) == 0 ? info.st_mode & 0777 : 0600;
  // Entries are parted by an empty line.
  while (list.ends_with("\n\n")) list.pop_back();
  list +=
      common::StrCat(list.empty() || list.ends_with('\n') ? "" : "\n", "\nlibrary=", module, "\nname=x2sec token\n\n");
  RETURN_IF_ERROR(common::WriteFileAtomically(path, list, mode));
  return true;
}

}  // namespace henb::x2sec::nss
