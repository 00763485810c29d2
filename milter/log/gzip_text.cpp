#include "milter/log/gzip_text.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <system_error>

namespace tlsrpt::milter {
namespace {

using policy::Errc;
using policy::Error;
using policy::Result;
using policy::Status;

// Compressed data read at once: few system calls, and little memory per open file.
constexpr std::size_t input_bytes = 64UL * 1024;
constexpr std::size_t skip_bytes = 64UL * 1024;
// inflateInit2(): the largest window, and gzip's header expected.
constexpr int gzip_window_bits = 15 + 16;
constexpr unsigned char member_begin = 0x1F;

}  // namespace

GzipText::GzipText(int fd) : fd_(fd), input_(input_bytes) {}

Status GzipText::rewind() {
  stream_.reset();
  auto fresh = std::make_unique<z_stream>();
  if (inflateInit2(fresh.get(), gzip_window_bits) != Z_OK) {
    return Error(Errc::io, "no memory for decompressing");
  }
  stream_.reset(fresh.release());
  input_offset_ = 0;
  text_offset_ = 0;
  in_member_ = true;
  is_end_ = false;
  problem_.clear();
  return policy::Unit();
}

Result<std::size_t> GzipText::read(std::uint64_t offset, std::span<char> into) {
  if (!stream_ || offset < text_offset_) {
    Status begun = rewind();
    if (!begun.ok()) return std::move(begun).error();
  }
  std::vector<char> skipped(offset > text_offset_ ? skip_bytes : 0);
  while (text_offset_ < offset) {
    const std::uint64_t missing = std::min<std::uint64_t>(offset - text_offset_, skipped.size());
    Result<std::size_t> got = decode(std::span(skipped).first(missing));
    if (!got.ok() || *got == 0) return got;
  }
  return decode(into);
}

Result<std::size_t> GzipText::decode(std::span<char> into) {
  const std::size_t wanted =
      std::min<std::size_t>(into.size(), std::numeric_limits<unsigned>::max());
  // zlib's bytes are unsigned, ours are text.
  stream_->next_out = reinterpret_cast<unsigned char*>(into.data());
  stream_->avail_out = static_cast<unsigned>(wanted);
  while (stream_->avail_out > 0 && !is_end_ && problem_.empty()) {
    if (stream_->avail_in == 0) {
      Status filled = refill();
      if (!filled.ok()) return std::move(filled).error();
    } else if (!in_member_) {
      begin_member();
    } else {
      decode_step();
    }
  }
  const std::size_t got = wanted - stream_->avail_out;
  text_offset_ += got;
  if (got == 0 && wanted > 0 && !problem_.empty()) {
    return Error(Errc::syntax, "damaged gzip data (" + problem_ + ")");
  }
  return got;
}

Status GzipText::refill() {
  ssize_t got = 0;
  do {
    got = ::pread(fd_, input_.data(), input_.size(), static_cast<off_t>(input_offset_));
  } while (got < 0 && errno == EINTR);
  if (got < 0) return Error(Errc::io, std::generic_category().message(errno));
  if (got == 0 && in_member_) problem_ = "unexpected end of file";
  if (got == 0) is_end_ = true;
  input_offset_ += static_cast<std::uint64_t>(got);
  stream_->next_in = input_.data();
  stream_->avail_in = static_cast<unsigned>(got);
  return policy::Unit();
}

// After a member another may follow (gzip -c a b). As gzip(1) does, anything else is ignored.
void GzipText::begin_member() {
  is_end_ = *stream_->next_in != member_begin || inflateReset(stream_.get()) != Z_OK;
  in_member_ = !is_end_;
}

void GzipText::decode_step() {
  const int result = inflate(stream_.get(), Z_NO_FLUSH);
  if (result == Z_STREAM_END) {
    in_member_ = false;
  } else if (result != Z_OK && result != Z_BUF_ERROR) {
    problem_ = stream_->msg != nullptr ? stream_->msg : "not gzip";
  }
}

}  // namespace tlsrpt::milter
