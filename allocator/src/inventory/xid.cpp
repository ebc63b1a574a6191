#include "inventory/xid.hpp"

#include <algorithm>
#include <array>
#include <format>

namespace gpuhub::inventory {
namespace {

constexpr std::uint64_t kXidMax = 9999;

// The first six are those of NVIDIA's device plugin ("Application errors: the GPU should still be
// healthy"). Of 109 the catalogue now says "reset the GPU"; it is kept, because a context that does
// not switch in time is as a rule the work of a kernel that never ends.
// The others by the catalogue's own words: 14 "fake or injected error from userspace", 106 and 107
// test messages, 137 "typically application-level bugs" (an illegal peer access over NVLink).
// Not here: 11, 25 and 69, for which the catalogue asks to check the application, but whose older
// table names driver and hardware as causes; 32 and 80, which come with a bad bus.
constexpr std::array<std::uint64_t, 10> kApplication{13, 31, 43, 45, 68, 109, 14, 106, 107, 137};

struct Words {
  int xid;
  std::string_view words;
};
constexpr std::array kWords{
    Words{.xid = 8, .words = "the GPU stopped processing"},
    Words{.xid = 32, .words = "a corrupted push buffer, often a bad PCIe link"},
    Words{.xid = 46, .words = "the GPU stopped processing; it needs a reset"},
    Words{.xid = 48, .words = "an uncorrectable ECC error of its memory; it needs a reset"},
    Words{.xid = 54, .words = "auxiliary power is not connected"},
    Words{.xid = 61, .words = "a breakpoint of its internal micro-controller"},
    Words{.xid = 62, .words = "its internal micro-controller halted; it needs a reset"},
    Words{.xid = 63, .words = "a row of its memory was remapped, or a page retired"},
    Words{.xid = 64, .words = "remapping its memory failed; it needs a reset"},
    Words{.xid = 69, .words = "a class error of the graphics engine"},
    Words{.xid = 74, .words = "an NVLink error"},
    Words{.xid = 79, .words = "the GPU has fallen off the bus; the machine needs a restart"},
    Words{.xid = 92, .words = "many single-bit ECC errors"},
    Words{.xid = 94, .words = "a memory error, contained to one application"},
    Words{.xid = 95, .words = "a memory error that was not contained; it needs a reset"},
    Words{.xid = 110, .words = "a security fault"},
    Words{.xid = 119, .words = "its system processor (GSP) does not answer; it needs a reset"},
    Words{.xid = 120, .words = "an error of its system processor (GSP); it needs a reset"},
    Words{.xid = 140, .words = "an ECC error that could not be recovered; it needs a reset"},
    Words{.xid = 143, .words = "the GPU could not be initialised; it needs a reset"},
    Words{.xid = 154, .words = "the driver wants it recovered; the kernel's log says how"},
    Words{.xid = 999, .words = "NVML does not know which"},
};

}  // namespace

bool application_xid(std::uint64_t xid) { return std::ranges::contains(kApplication, xid); }

std::optional<int> believable_xid(std::uint64_t xid) {
  if (xid == 0 || xid > kXidMax) return std::nullopt;
  return static_cast<int>(xid);
}

std::string describe_xid(std::uint64_t xid) {
  const auto number = believable_xid(xid);
  if (!number) return std::format("a critical error whose number ({}) cannot be", xid);
  const auto found = std::ranges::find(kWords, *number, &Words::xid);
  if (found == kWords.end()) return std::format("XID {}", *number);
  return std::format("XID {}: {}", *number, found->words);
}

}  // namespace gpuhub::inventory
