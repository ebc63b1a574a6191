// The part of NvmlLibrary that is about processes: lists whose size NVML tells, asked for in a loop
// that ends.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <format>
#include <span>
#include <vector>

#include "inventory/nvml_functions.hpp"

namespace gpuhub::inventory {
namespace {

constexpr unsigned list_max = static_cast<unsigned>(model::gpu_processes_max);
constexpr unsigned samples_max = 4 * list_max;
constexpr int tries_max = 4;  // between two of them others may start
constexpr unsigned long long kNoMemory = ~0ULL;
constexpr unsigned kNoInstance = ~0U;

// The struct of the 530 branch and of early 535 drivers has one member more, under the same name of
// the call. Room is given for it, so that nothing is written beyond the end.
constexpr std::size_t wide_bytes = sizeof(ProcessInfo) + sizeof(unsigned long long);
constexpr unsigned kPidMax = 1U << 22U;

using Bytes = std::vector<std::byte>;

template <typename T>
T read_at(std::span<const std::byte> bytes, std::size_t at) {
  T value;
  std::memcpy(&value, bytes.data() + at, sizeof(T));
  return value;
}

// Are they processes, if each takes so many bytes?
bool plausible(std::span<const std::byte> bytes, std::size_t count, std::size_t stride) {
  for (std::size_t i = 0; i < count; ++i) {
    const auto pid = read_at<ProcessInfo>(bytes, i * stride).pid;
    if (pid == 0 || pid > kPidMax) return false;
  }
  return true;
}

std::size_t stride_of(std::span<const std::byte> bytes, std::size_t count) {
  const bool wide = !plausible(bytes, count, sizeof(ProcessInfo)) &&
                    plausible(bytes, count, wide_bytes);
  return wide ? wide_bytes : sizeof(ProcessInfo);
}

NvmlProcess process_of(unsigned pid, unsigned long long memory) {
  NvmlProcess out{.pid = pid};
  if (memory != kNoMemory) out.memory_bytes = memory;
  return out;
}

std::vector<NvmlProcess> read_first(std::span<const std::byte> bytes, std::size_t count) {
  std::vector<NvmlProcess> out;
  for (std::size_t i = 0; i < count; ++i) {
    const auto one = read_at<ProcessInfoV1>(bytes, i * sizeof(ProcessInfoV1));
    out.push_back(process_of(one.pid, one.memory));
  }
  return out;
}

std::vector<NvmlProcess> read_later(std::span<const std::byte> bytes, std::size_t count) {
  const auto stride = stride_of(bytes, count);
  std::vector<NvmlProcess> out;
  for (std::size_t i = 0; i < count; ++i) {
    const auto one = read_at<ProcessInfo>(bytes, i * stride);
    out.push_back(process_of(one.pid, one.memory));
    if (one.gpu_instance != kNoInstance) out.back().instance = one.gpu_instance;
  }
  return out;
}

}  // namespace

NvmlResult<bool> NvmlLibrary::mig(Device device) const {
  unsigned current = 0;
  unsigned pending = 0;
  const int code = functions_->mig_mode == nullptr
                       ? kFunctionNotFound
                       : functions_->mig_mode(device, &current, &pending);
  if (code != 0) return std::unexpected(error("nvmlDeviceGetMigMode", code));
  return current != 0;
}

NvmlResult<std::vector<NvmlProcess>> NvmlLibrary::processes(Device device,
                                                            model::ProcessKind kind) const {
  static constexpr std::array names{"nvmlDeviceGetComputeRunningProcesses",
                                    "nvmlDeviceGetGraphicsRunningProcesses",
                                    "nvmlDeviceGetMPSComputeRunningProcesses"};
  const std::array lists{functions_->compute_processes, functions_->graphics_processes,
                         functions_->mps_processes};
  const auto& list = lists.at(static_cast<std::size_t>(kind));
  const auto* name = names.at(static_cast<std::size_t>(kind));
  if (list.call == nullptr) return std::unexpected(error(name, kFunctionNotFound));
  unsigned room = 64;
  for (int tried = 0; tried < tries_max; ++tried) {
    Bytes bytes(room * wide_bytes);
    unsigned count = room;
    const int code = list.call(device, &count, bytes.data());
    if (code == kInsufficientSize && count <= list_max) {
      room = std::min(std::max(count + 16, room * 2), list_max);
      continue;
    }
    if (code != 0) return std::unexpected(error(name, code));
    if (count > room) break;
    return list.first ? read_first(bytes, count) : read_later(bytes, count);
  }
  return std::unexpected(
      NvmlError{.code = kUnknown, .message = std::format("{}: its count cannot be", name)});
}

NvmlResult<std::vector<NvmlProcessSample>> NvmlLibrary::process_samples(
    Device device, std::uint64_t since_us) const {
  constexpr auto name = "nvmlDeviceGetProcessUtilization";
  if (functions_->process_utilization == nullptr) {
    return std::unexpected(error(name, kFunctionNotFound));
  }
  unsigned room = 128;
  for (int tried = 0; tried < tries_max; ++tried) {
    std::vector<ProcessSample> samples(room);
    unsigned count = room;
    const int code = functions_->process_utilization(device, samples.data(), &count, since_us);
    if (code == kNotFound) return std::vector<NvmlProcessSample>{};
    if (code == kInsufficientSize && count <= samples_max) {
      room = std::min(std::max(count + 16, room * 2), samples_max);
      continue;
    }
    if (code != 0) return std::unexpected(error(name, code));
    if (count > room) break;
    std::vector<NvmlProcessSample> out;
    for (const auto& one : std::span(samples).first(count)) {
      out.push_back({.pid = one.pid, .stamp_us = one.stamp, .sm_percent = one.sm});
    }
    return out;
  }
  return std::unexpected(
      NvmlError{.code = kUnknown, .message = std::format("{}: its count cannot be", name)});
}

}  // namespace gpuhub::inventory
