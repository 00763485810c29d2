#include "milter/datagram/datagram_journal.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

#include "milter/datagram/tlsrpt_datagram.h"
#include "policy/text.h"

namespace tlsrpt::milter {
namespace {

using policy::Errc;
using policy::Error;
using policy::Status;

struct RecordHead {
  std::uint32_t check = 0;   // Of all that follows.
  std::uint32_t length = 0;  // Of the octets that follow.
  std::uint64_t sequence = 0;
  std::int64_t at = 0;
  std::int32_t pid = 0;
  std::uint32_t flags = 0;
};
static_assert(sizeof(RecordHead) == 32, "no padding is written");

// What the checks begin with; another format would begin with another.
constexpr std::uint32_t check_begin = 0x54525032;
constexpr std::uint32_t flag_truncated = 1;
// How often StampOf is shifted.
constexpr unsigned stamp_shift = 1;
constexpr std::uint32_t stamp_mask = 3;
// Others may repeat its octets; or its octets are the number of the one that it repeats.
constexpr std::uint32_t flag_repeatable = 8;
constexpr std::uint32_t flag_repeats = 16;
// Longer texts hardly come twice, and those of no more octets than a number are as short.
constexpr std::size_t max_repeatable = 4096;
// Read at once; more than the longest record.
constexpr std::size_t block_octets = 256UL * 1024;
static_assert(block_octets > sizeof(RecordHead) + max_datagram);
// A longer segment is none of ours.
constexpr std::uint64_t max_segment = 64ULL * 1024 * 1024;
constexpr std::size_t number_digits = 20;

ReceivedDatagram to_datagram(const RecordHead& head, std::string_view octets) {
  ReceivedDatagram datagram;
  datagram.sequence = head.sequence;
  datagram.pid = head.pid;
  datagram.at = policy::from_unix_seconds(head.at);
  datagram.octets = octets;
  datagram.is_truncated = (head.flags & flag_truncated) != 0;
  datagram.stamp = static_cast<StampOf>(std::min<std::uint32_t>(
      head.flags >> stamp_shift & stamp_mask, static_cast<std::uint32_t>(StampOf::start)));
  if ((head.flags & flag_repeatable) != 0) datagram.text = head.sequence;
  if ((head.flags & flag_repeats) != 0 && head.length == sizeof datagram.text)
    std::memcpy(&datagram.text, datagram.octets.data(), sizeof datagram.text);
  return datagram;
}

// RECORD is a head and what follows it.
std::uint32_t check_of(std::string_view record) {
  record.remove_prefix(sizeof RecordHead::check);
  return static_cast<std::uint32_t>(::crc32(check_begin,
                                            reinterpret_cast<const Bytef*>(record.data()),
                                            static_cast<uInt>(record.size())));
}

// Reads the head that OCTETS begin with; none where there is no whole record.
std::optional<RecordHead> read_head(std::string_view octets) {
  RecordHead head;
  if (octets.size() < sizeof head) return std::nullopt;
  std::memcpy(&head, octets.data(), sizeof head);
  if (head.length > max_datagram || head.length > octets.size() - sizeof head) return std::nullopt;
  return head;
}

// Takes the first sound record off OCTETS, with those before it that a disk has damaged; none where
// there is none.
std::optional<ReceivedDatagram> take_record(std::string_view* octets) {
  std::string_view rest = *octets;
  auto head = read_head(rest);
  while (head && head->check != check_of(rest.substr(0, sizeof *head + head->length))) {
    rest.remove_prefix(sizeof *head + head->length);
    head = read_head(rest);
  }
  if (!head) return std::nullopt;
  *octets = rest.substr(sizeof *head + head->length);
  return to_datagram(*head, rest.substr(sizeof *head, head->length));
}

void put_record(const RecordHead& head, std::string_view octets, std::string* batch) {
  const std::size_t begin = batch->size();
  std::array<char, sizeof head> written{};
  std::memcpy(written.data(), &head, sizeof head);
  batch->append(written.data(), written.size());
  batch->append(octets);
  const std::uint32_t check = check_of(std::string_view(*batch).substr(begin));
  std::memcpy(batch->data() + begin, &check, sizeof check);
}

// As many of SIZE octets at OFFSET as there are.
std::size_t read_at(int file, char* to, std::size_t size, std::uint64_t offset) {
  std::size_t done = 0;
  while (done < size) {
    const ssize_t got = ::pread(file, to + done, size - done, static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    done += static_cast<std::size_t>(got);
  }
  return done;
}

// Whether all of OCTETS was written at OFFSET; errno says why not.
bool write_at(int file, std::string_view octets, std::uint64_t offset) {
  while (!octets.empty()) {
    const ssize_t put = ::pwrite(file, octets.data(), octets.size(), static_cast<off_t>(offset));
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) return false;
    octets.remove_prefix(static_cast<std::size_t>(put));
    offset += static_cast<std::uint64_t>(put);
  }
  return true;
}

}  // namespace

DatagramJournal::DatagramJournal(std::string prefix, JournalLimits limits)
    : prefix_(std::move(prefix)), limits_(limits) {}

DatagramJournal::~DatagramJournal() {
  const auto shared = shared_.lock();
  for (const Segment& segment : shared->segments) {
    if (segment.last <= released_ && !segment.path.empty()) ::unlink(segment.path.c_str());
  }
}

std::string DatagramJournal::path_of(std::uint64_t first) const {
  const std::string number = std::to_string(first);
  return prefix_ + std::string(number_digits - number.size(), '0') + number;
}

Status DatagramJournal::open() {
  const std::filesystem::path prefix(prefix_);
  const std::string name = prefix.filename().string();
  std::vector<std::uint64_t> numbers;
  std::error_code problem;
  std::filesystem::directory_iterator entry(prefix.parent_path(), problem);
  for (; !problem && entry != std::filesystem::directory_iterator(); entry.increment(problem)) {
    const std::string each = entry->path().filename().string();
    if (!each.starts_with(name) || each.size() != name.size() + number_digits) continue;
    const auto number = policy::parse_number<std::uint64_t>(
        std::string_view(each).substr(each.find_first_not_of('0', name.size())));
    if (number && path_of(*number) == entry->path().string()) numbers.push_back(*number);
  }
  if (problem) return Error(Errc::io, prefix.parent_path().string() + ": " + problem.message());
  std::sort(numbers.begin(), numbers.end());
  for (const std::uint64_t number : numbers) take_up(number);
  open_committed();
  return policy::Unit();
}

void DatagramJournal::open_committed() {
  constexpr int flags = O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW;
  committed_file_.reset(::open((prefix_ + "committed").c_str(), flags, 0600));
  std::array<char, sizeof(RecordHead)> octets{};
  std::string_view read(octets.data(),
                        read_at(committed_file_.get(), octets.data(), octets.size(), 0));
  if (const auto record = take_record(&read)) committed_ = record->sequence;
}

void DatagramJournal::take_up(std::uint64_t first) {
  Segment segment;
  segment.path = path_of(first);
  segment.file.reset(::open(segment.path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  const off_t size = segment.file.valid() ? ::lseek(segment.file.get(), 0, SEEK_END) : -1;
  if (size < 0 || static_cast<std::uint64_t>(size) > max_segment) return;
  std::string octets(static_cast<std::size_t>(size), '\0');
  octets.resize(read_at(segment.file.get(), octets.data(), octets.size(), 0));
  std::string_view rest = octets;
  segment.first = first;
  while (const auto datagram = take_record(&rest)) {
    if (datagram->sequence <= last_) break;
    last_ = datagram->sequence;
    segment.last = last_;
    segment.octets = octets.size() - rest.size();
  }
  if (segment.octets == 0) {
    ::unlink(segment.path.c_str());
    return;
  }
  appended_ += segment.octets;
  shared_.lock()->segments.push_back(std::move(segment));
}

// Adds the record of DATAGRAM to batch_.
void DatagramJournal::put(const ReceivedDatagram& datagram) {
  RecordHead head;
  head.length = static_cast<std::uint32_t>(datagram.octets.size());
  head.sequence = datagram.sequence;
  head.at = policy::unix_seconds(datagram.at);
  head.pid = static_cast<std::int32_t>(datagram.pid);
  head.flags = (datagram.is_truncated ? flag_truncated : 0) |
               static_cast<std::uint32_t>(datagram.stamp) << stamp_shift;
  const std::size_t length = datagram.octets.size();
  if (datagram.is_truncated || length <= sizeof head.sequence || length > max_repeatable) {
    put_record(head, datagram.octets, &batch_);
    return;
  }
  if (const auto known = numbers_.find(datagram.octets); known != numbers_.end()) {
    std::array<char, sizeof known->second> number{};
    std::memcpy(number.data(), &known->second, number.size());
    head.length = number.size();
    head.flags |= flag_repeats;
    put_record(head, {number.data(), number.size()}, &batch_);
    return;
  }
  numbers_.emplace(datagram.octets, datagram.sequence);
  head.flags |= flag_repeatable;
  put_record(head, datagram.octets, &batch_);
}

// Makes a segment for datagrams from number FIRST on the last one.
bool DatagramJournal::begin_segment(std::uint64_t first, bool in_memory) {
  Segment segment;
  segment.first = first;
  std::string trouble;
  if (in_memory) {
    segment.file.reset(::memfd_create("tlsrpt-datagrams", MFD_CLOEXEC));
  } else {
    segment.path = path_of(first);
    constexpr int flags = O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW;
    segment.file.reset(::open(segment.path.c_str(), flags, 0600));
    if (!segment.file.valid())
      trouble = segment.path + ": " + std::generic_category().message(errno);
  }
  const auto shared = shared_.lock();
  if (!trouble.empty()) shared->trouble = trouble;
  if (!segment.file.valid()) return false;
  std::uint64_t total = 0;
  for (const Segment& each : shared->segments) {
    if (each.path.empty() == in_memory) total += each.octets;
  }
  if (total >= (in_memory ? limits_.memory : limits_.disk)) {
    if (!in_memory) {
      shared->trouble = prefix_ + "*: there are as many as there may be";
      ::unlink(segment.path.c_str());
    }
    return false;
  }
  if (!in_memory) shared->trouble.clear();
  current_ = segment.file.get();
  current_octets_ = 0;
  in_memory_until_.reset();
  if (in_memory) in_memory_until_ = std::chrono::steady_clock::now() + limits_.in_memory;
  numbers_.clear();
  shared->segments.push_back(std::move(segment));
  return true;
}

// Writes DATAGRAMS into the current segment; where that is not possible, ends it.
bool DatagramJournal::write(std::span<const ReceivedDatagram> datagrams) {
  batch_.clear();
  for (const ReceivedDatagram& datagram : datagrams) put(datagram);
  const bool is_written = write_at(current_, batch_, current_octets_);
  const int problem = errno;
  const auto shared = shared_.lock();
  Segment& segment = shared->segments.back();
  if (!is_written) {
    (void)!::ftruncate(current_, static_cast<off_t>(current_octets_));
    if (!segment.path.empty())
      shared->trouble = segment.path + ": " + std::generic_category().message(problem);
    segment.last = std::max(segment.last, datagrams.front().sequence - 1);
    current_ = -1;
    // A full disk is tried again and again; nobody reads what has nothing.
    if (current_octets_ == 0 && !segment.path.empty()) {
      ::unlink(segment.path.c_str());
      shared->segments.pop_back();
    }
    return false;
  }
  current_octets_ += batch_.size();
  segment.octets = current_octets_;
  segment.last = datagrams.back().sequence;
  last_ = segment.last;
  appended_ += batch_.size();
  return true;
}

bool DatagramJournal::append(std::span<const ReceivedDatagram> datagrams) {
  if (datagrams.empty()) return true;
  if (current_ >= 0 &&
      (current_octets_ >= limits_.segment ||
       (in_memory_until_ && std::chrono::steady_clock::now() >= *in_memory_until_)))
    current_ = -1;
  if (current_ >= 0 && write(datagrams)) return true;
  for (const bool in_memory : {false, true}) {
    if (begin_segment(datagrams.front().sequence, in_memory) && write(datagrams)) return true;
  }
  return false;
}

// Sets the octets of one that repeats others, and remembers those of one that has them. False: a
// disk has lost them.
bool DatagramJournal::restore_text(ReceivedDatagram* datagram) {
  if (datagram->text == 0) return true;
  if (datagram->text == datagram->sequence) {
    texts_.insert_or_assign(datagram->text, datagram->octets);
    return true;
  }
  const auto found = texts_.find(datagram->text);
  if (found == texts_.end()) return false;
  datagram->octets = found->second;
  return true;
}

std::span<const ReceivedDatagram> DatagramJournal::next() {
  datagrams_.clear();
  int file = -1;
  std::uint64_t end = 0;
  {
    const auto shared = shared_.lock();
    for (const Segment& segment : shared->segments) {
      if (segment.first < reading_) continue;
      if (segment.first > reading_) {
        offset_ = 0;
        texts_.clear();
      }
      reading_ = segment.first;
      file = segment.file.get();
      end = segment.octets;
      if (offset_ < end) break;
    }
  }
  if (offset_ >= end) return {};
  block_.resize(std::min<std::uint64_t>(block_octets, end - offset_));
  block_.resize(read_at(file, block_.data(), block_.size(), offset_));
  std::string_view rest = block_;
  while (auto datagram = take_record(&rest)) {
    if (restore_text(&*datagram)) datagrams_.push_back(*datagram);
  }
  // A disk that lost what was written: the rest of the segment is gone.
  const std::uint64_t taken =
      rest.size() == block_.size() ? end - offset_ : block_.size() - rest.size();
  offset_ += taken;
  read_ += taken;
  return datagrams_;
}

void DatagramJournal::rewind(std::uint64_t sequence) {
  const auto shared = shared_.lock();
  std::uint64_t skipped = 0;
  reading_ = 0;
  offset_ = 0;
  texts_.clear();
  for (const Segment& segment : shared->segments) {
    if (segment.last > sequence) break;
    skipped += segment.octets;
    reading_ = segment.first;
    offset_ = segment.octets;
  }
  std::uint64_t all = 0;
  for (const Segment& segment : shared->segments) all += segment.octets;
  read_ = appended_ - (all - skipped);
}

// The last segment is the receiver's.
void DatagramJournal::release(std::uint64_t sequence) {
  if (sequence == released_) return;
  released_ = sequence;
  committed_ = sequence;
  std::string record;
  RecordHead head;
  head.sequence = sequence;
  put_record(head, {}, &record);
  // Where it cannot be written, a store that is removed costs what it had not committed.
  if (!write_at(committed_file_.get(), record, 0)) (void)!::ftruncate(committed_file_.get(), 0);
  std::vector<Segment> done;
  {
    const auto shared = shared_.lock();
    auto& segments = shared->segments;
    while (segments.size() > 1 && segments.front().last <= sequence) {
      done.push_back(std::move(segments.front()));
      segments.erase(segments.begin());
    }
  }
  for (const Segment& segment : done) {
    if (!segment.path.empty()) ::unlink(segment.path.c_str());
  }
}

std::string DatagramJournal::trouble() { return shared_.lock()->trouble; }

std::uint64_t DatagramJournal::only_in_memory() {
  const auto shared = shared_.lock();
  std::uint64_t count = 0;
  for (const Segment& segment : shared->segments) {
    const std::uint64_t begin = std::max(segment.first, released_ + 1);
    if (segment.path.empty() && segment.last >= begin) count += segment.last - begin + 1;
  }
  return count;
}

}  // namespace tlsrpt::milter
