#include "reporter/report/gzip.h"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <limits>
#include <memory>

namespace tlsrpt::reporter {
namespace {

using policy::Errc;
using policy::Error;

// zlib's window bits for the largest window (15), and 16 for gzip instead of zlib framing.
constexpr int gzip_window = 15 + 16;
constexpr int memory_level = 8;
constexpr int unknown_system = 255;  // RFC 1952, 2.3.1: OS = 255 "unknown".
// zlib counts what it is handed in 32 bits; nothing here is near it.
constexpr std::size_t max_input = std::size_t{1} << 30U;

// Octets taken from zlib at a time.
constexpr std::size_t output_step = 65536;

struct EndDeflate {
  void operator()(z_stream* stream) const { deflateEnd(stream); }
};
struct EndInflate {
  void operator()(z_stream* stream) const { inflateEnd(stream); }
};

// zlib reads octets as unsigned char, which may alias anything; it never writes to its input,
// although z_stream says so.
Bytef* as_input(std::string_view data) {
  return reinterpret_cast<Bytef*>(const_cast<char*>(data.data()));
}
Bytef* as_bytes(char* data) { return reinterpret_cast<Bytef*>(data); }

Error zlib_error(std::string_view what, const z_stream& stream, int code) {
  const std::string detail =
      stream.msg != nullptr ? std::string(stream.msg) : "code " + std::to_string(code);
  return {Errc::internal, std::string(what) + ": " + detail};
}

}  // namespace

policy::Result<std::string> gzip_compress(std::string_view data) {
  if (data.size() > max_input) return Error(Errc::limit, "gzip: more than 1 GiB");
  z_stream stream{};
  const int opened = deflateInit2(&stream, Z_BEST_COMPRESSION, Z_DEFLATED, gzip_window,
                                  memory_level, Z_DEFAULT_STRATEGY);
  if (opened != Z_OK) return zlib_error("gzip", stream, opened);
  const std::unique_ptr<z_stream, EndDeflate> owner(&stream);
  gz_header header{};
  header.os = unknown_system;
  deflateSetHeader(&stream, &header);
  // deflateBound() does not know of the header's optional fields; there are none.
  std::string out(deflateBound(&stream, data.size()), '\0');
  stream.next_in = as_input(data);
  stream.avail_in = static_cast<uInt>(data.size());
  stream.next_out = as_bytes(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  const int done = deflate(&stream, Z_FINISH);
  if (done != Z_STREAM_END) return zlib_error("gzip", stream, done);
  out.resize(stream.total_out);
  return out;
}

bool is_gzip(std::string_view data) { return data.starts_with("\x1f\x8b"); }

policy::Result<std::string> gzip_decompress(std::string_view data, std::size_t limit) {
  if (data.size() > max_input) return Error(Errc::limit, "gzip: more than 1 GiB");
  if (!is_gzip(data)) return Error(Errc::syntax, "gzip: no gzip data");
  z_stream stream{};
  const int opened = inflateInit2(&stream, gzip_window);
  if (opened != Z_OK) return zlib_error("gzip", stream, opened);
  const std::unique_ptr<z_stream, EndInflate> owner(&stream);
  std::string out;
  std::array<char, output_step> buffer{};
  stream.next_in = as_input(data);
  stream.avail_in = static_cast<uInt>(data.size());
  for (;;) {
    stream.next_out = as_bytes(buffer.data());
    stream.avail_out = static_cast<uInt>(buffer.size());
    const int done = inflate(&stream, Z_NO_FLUSH);
    const std::size_t produced = buffer.size() - stream.avail_out;
    if (produced > limit - out.size()) {
      return Error(Errc::limit,
                   "gzip: more than " + std::to_string(limit) + " octets when decompressed");
    }
    out.append(buffer.data(), produced);
    if (done == Z_STREAM_END) {
      if (stream.avail_in == 0) return out;
      // RFC 1952, 2.2: a file may have several members.
      const std::string_view rest(reinterpret_cast<const char*>(stream.next_in), stream.avail_in);
      if (!is_gzip(rest)) return Error(Errc::syntax, "gzip: followed by something else");
      inflateReset(&stream);
    } else if (done == Z_BUF_ERROR) {
      return Error(Errc::syntax, "gzip: cut off");
    } else if (done != Z_OK) {
      return Error(Errc::syntax, std::string("gzip: damaged") +
                                     (stream.msg != nullptr ? ": " + std::string(stream.msg) : ""));
    }
  }
}

}  // namespace tlsrpt::reporter
