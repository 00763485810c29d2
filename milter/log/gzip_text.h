// GzipText: the text of a gzip file, read forward by offset, up to the very byte where it breaks.
//
// zlib's own gzread() gives up what it has decoded when it meets damage later in its buffer; a log
// is worth more than that.
#pragma once

#include <zlib.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "policy/result.h"

namespace tlsrpt::milter {

class GzipText {
 public:
  // Reads from FD, which stays the caller's and must outlive this.
  explicit GzipText(int fd);

  // Fills INTO with text from OFFSET on and returns the bytes got, 0 at the end or beyond. Going
  // back means beginning anew. Errc::syntax: the data are damaged or end too early, and all text
  // before that has been returned; Errc::io: the system cannot read.
  policy::Result<std::size_t> read(std::uint64_t offset, std::span<char> into);

 private:
  struct EndInflate {
    void operator()(z_stream* stream) const {
      inflateEnd(stream);
      std::default_delete<z_stream>()(stream);
    }
  };
  policy::Status rewind();
  policy::Result<std::size_t> decode(std::span<char> into);
  policy::Status refill();
  void begin_member();
  void decode_step();

  int fd_;
  std::unique_ptr<z_stream, EndInflate> stream_;  // On the heap: zlib keeps its address.
  std::vector<unsigned char> input_;
  std::uint64_t input_offset_ = 0;  // In the file, of what is read next.
  std::uint64_t text_offset_ = 0;
  bool in_member_ = false;
  bool is_end_ = false;
  std::string problem_;  // What is wrong from here on.
};

}  // namespace tlsrpt::milter
