#include "milter/datagram/datagram_landing.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <optional>
#include <system_error>
#include <type_traits>

#include "milter/datagram/tlsrpt_datagram.h"
#include "policy/unique_fd.h"

namespace tlsrpt::milter {
namespace {

using policy::Errc;
using policy::Error;

constexpr std::uint64_t layout_magic = 0x544c535250544c33;
// In msg_len: the kernel has not put a datagram there.
constexpr unsigned not_received = 0xFFFFFFFF;
// One clock, read twice, shows times no farther apart.
constexpr std::chrono::seconds same_clock{2};
constexpr std::size_t control_octets = CMSG_SPACE(sizeof(ucred)) + CMSG_SPACE(sizeof(timeval));

// The part of CONTROL, which the kernel wrote, of TYPE; none: it is not there. By hand, for
// msg_control points nowhere in a second life.
template <class Part>
std::optional<Part> find_part(const std::array<char, control_octets>& control, int type) {
  std::size_t offset = 0;
  while (offset + sizeof(cmsghdr) <= control.size()) {
    cmsghdr head{};
    std::memcpy(&head, control.data() + offset, sizeof head);
    if (head.cmsg_len < sizeof head || head.cmsg_len > control.size() - offset) break;
    if (head.cmsg_level == SOL_SOCKET && head.cmsg_type == type &&
        head.cmsg_len >= CMSG_LEN(sizeof(Part))) {
      Part part{};
      std::memcpy(&part, control.data() + offset + CMSG_LEN(0), sizeof part);
      return part;
    }
    offset += CMSG_ALIGN(head.cmsg_len);
  }
  return std::nullopt;
}

Error io_error(const std::string& path, int number) {
  return {Errc::io, path + ": " + std::generic_category().message(number)};
}

}  // namespace

// The file's content, in the terms of this machine. Pointers in it mean nothing to the next life.
struct DatagramLanding::Layout {
  std::uint64_t magic;
  std::uint64_t first;
  std::int64_t now;
  std::int64_t held_until;
  // Whether the kernel stamps datagrams by the clock that NOW is of: not where a test has its own.
  std::int64_t is_kernels_clock;
  std::array<mmsghdr, max_batch> messages;
  std::array<iovec, max_batch> places;
  struct alignas(cmsghdr) Control {
    std::array<char, control_octets> octets;
  };
  std::array<Control, max_batch> controls;
  std::array<std::array<char, max_datagram>, max_batch> octets;
};

DatagramLanding::~DatagramLanding() {
  if (layout_ != nullptr) ::munmap(layout_, sizeof(Layout));
}

policy::Status DatagramLanding::open(const std::string& path) {
  static_assert(std::is_trivial_v<Layout>, "mapped memory is one as it is");
  const policy::UniqueFd file(
      ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  int problem = file.valid() ? 0 : errno;
  // A full disk must show now, not as SIGBUS.
  if (problem == 0) problem = ::posix_fallocate(file.get(), 0, sizeof(Layout));
  const bool is_file = problem == 0;
  void* const memory =
      ::mmap(nullptr, sizeof(Layout), PROT_READ | PROT_WRITE,
             is_file ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS, is_file ? file.get() : -1, 0);
  if (memory == MAP_FAILED) return io_error(path, errno);
  layout_ = static_cast<Layout*>(memory);
  if (layout_->magic != layout_magic) {
    for (mmsghdr& message : layout_->messages) message.msg_len = not_received;
    layout_->magic = layout_magic;
  }
  if (problem != 0) return io_error(path, problem);
  return policy::Unit();
}

std::size_t DatagramLanding::size() const {
  std::size_t count = 0;
  if (layout_ == nullptr) return count;
  while (count < max_batch && layout_->messages[count].msg_len != not_received) ++count;
  return count;
}

std::uint64_t DatagramLanding::last() const {
  if (layout_ == nullptr || layout_->first == 0) return 0;
  return layout_->first - 1 + size();
}

ReceivedDatagram DatagramLanding::at(std::size_t index) const {
  const mmsghdr& message = layout_->messages[index];
  const Layout::Control& control = layout_->controls[index];
  ReceivedDatagram datagram;
  datagram.sequence = layout_->first + index;
  datagram.at = policy::from_unix_seconds(layout_->now);
  datagram.octets = {layout_->octets[index].data(),
                     std::min<std::size_t>(message.msg_len, max_datagram)};
  datagram.is_truncated = (message.msg_hdr.msg_flags & MSG_TRUNC) != 0;
  if (const auto sender = find_part<ucred>(control.octets, SCM_CREDENTIALS))
    datagram.pid = sender->pid;
  const auto sent = find_part<timeval>(control.octets, SCM_TIMESTAMP);
  const bool is_known = sent && layout_->is_kernels_clock != 0;
  if (is_known && sent->tv_sec < layout_->now) {
    datagram.at = policy::from_unix_seconds(sent->tv_sec);
    datagram.stamp = StampOf::sending;
  } else if (layout_->now <= layout_->held_until) {
    // What was sent before the kernel was asked for stamps gets that of its receipt.
    datagram.stamp = StampOf::start;
  } else if (is_known) {
    datagram.stamp = StampOf::sending;
  }
  return datagram;
}

void DatagramLanding::hold_until(policy::UtcSeconds until) {
  // Nobody takes those of the life before for ours.
  layout_->messages[0].msg_len = not_received;
  std::atomic_signal_fence(std::memory_order_seq_cst);
  layout_->held_until = policy::unix_seconds(until);
}

std::size_t DatagramLanding::receive(int socket, std::uint64_t first, policy::UtcSeconds now) {
  for (std::size_t i = 0; i < max_batch; ++i) {
    layout_->places[i] = {layout_->octets[i].data(), max_datagram};
    layout_->controls[i] = {};
    layout_->messages[i].msg_len = not_received;
    msghdr& header = layout_->messages[i].msg_hdr;
    header = {};
    header.msg_iov = &layout_->places[i];
    header.msg_iovlen = 1;
    header.msg_control = layout_->controls[i].octets.data();
    header.msg_controllen = control_octets;
  }
  // No length stands there when the numbers change, whenever a kill comes.
  std::atomic_signal_fence(std::memory_order_seq_cst);
  layout_->first = first;
  layout_->now = policy::unix_seconds(now);
  const auto wall_clock = std::chrono::system_clock::now();
  layout_->is_kernels_clock = std::chrono::abs(wall_clock - now) <= same_clock ? 1 : 0;
  std::atomic_signal_fence(std::memory_order_seq_cst);
  int count = 0;
  do {
    count = ::recvmmsg(socket, layout_->messages.data(), max_batch, MSG_DONTWAIT, nullptr);
  } while (count < 0 && errno == EINTR);
  return count < 0 ? 0 : static_cast<std::size_t>(count);
}

}  // namespace tlsrpt::milter
