// Fields of an account, taken over only where they are plain: what an administrator of a directory
// or a user (chfn, chsh) wrote there is not trusted.
#pragma once

#include <string>
#include <string_view>

namespace gpuhub::login {

std::string home_of(std::string_view text);        // "" unless an absolute path
std::string shell_of(std::string_view text);       // "" unless plain text
std::string group_name_of(std::string_view text);  // "" unless plain text without `:` and `,`
// A shell that ends every log-in: nologin or false, wherever it lies.
bool is_closed_shell(std::string_view shell);

std::string trimmed(std::string_view text);  // of spaces, tabs and line ends
std::string lower(std::string_view text);    // of ASCII letters

}  // namespace gpuhub::login
