// Reads and replaces the small files of the simulated machine. Any thread.
#pragma once

#include <cstddef>
#include <expected>
#include <string>
#include <string_view>

namespace gpuhub::nvml_sim {

// Whole content of a regular file of at most kMaxFileBytes; else what went wrong, with the path.
// Never blocks on a FIFO or a device.
[[nodiscard]] std::expected<std::string, std::string> read_small_file(const std::string& path);

// The first bytes of such a file, at most `max`; empty when it cannot be read.
[[nodiscard]] std::string read_head(const std::string& path, std::size_t max);

// Identity of a file's content as far as stat tells: changes whenever the file is replaced.
struct FileStamp {
  unsigned long long device = 0;
  unsigned long long inode = 0;
  long long size = -1;  // -1: there is no file
  long long modified_ns = 0;
  bool operator==(const FileStamp&) const = default;
};
[[nodiscard]] FileStamp stamp_of(const std::string& path);

// Replaces the file in one step with mode 644: a reader sees the old or the new content, whole.
// On error the old file is untouched.
[[nodiscard]] std::expected<void, std::string> replace_file(const std::string& path,
                                                            std::string_view content);

}  // namespace gpuhub::nvml_sim
