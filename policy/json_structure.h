// The shape of a JSON text, looked at before a tree is made of it. Inside this module only.
#pragma once

#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

namespace henb::policy {

/// Stops at a key given twice or at too many levels; error() says where. Feed to nlohmann::json::sax_parse. One use.
class JsonStructure final : public nlohmann::json_sax<nlohmann::json> {
 public:
  explicit JsonStructure(int depth) : depth_(depth) {}

  [[nodiscard]] const std::string& error() const { return error_; }
  [[nodiscard]] std::size_t error_octet() const {
    return error_octet_;
  }  ///< Of a syntax error, counted from 1; else 0.

  bool null() override { return Value(); }
  bool boolean(bool /*value*/) override { return Value(); }
  bool number_integer(number_integer_t /*value*/) override { return Value(); }
  bool number_unsigned(number_unsigned_t /*value*/) override { return Value(); }
  bool number_float(number_float_t /*value*/, const string_t& /*text*/) override { return Value(); }
  bool string(string_t& /*value*/) override { return Value(); }
  bool binary(binary_t& /*value*/) override { return Value(); }
  bool start_object(std::size_t /*elements*/) override { return Open(false); }
  bool end_object() override { return Close(); }
  bool start_array(std::size_t /*elements*/) override { return Open(true); }
  bool end_array() override { return Close(); }
  bool key(string_t& name) override;
  bool parse_error(std::size_t position, const std::string& last_token, const nlohmann::detail::exception& e) override;

 private:
  struct Level {
    bool is_array = false;
    std::size_t index = 0;  // Of the next item of an array.
    std::string key;        // The last one of an object.
    std::set<std::string> keys;
  };

  bool Value();
  bool Open(bool is_array);
  bool Close();
  [[nodiscard]] std::string Path() const;

  int depth_;
  std::vector<Level> levels_;
  std::string error_;
  std::size_t error_octet_ = 0;
};

}  // namespace henb::policy
