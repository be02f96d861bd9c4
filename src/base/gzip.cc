#include "base/gzip.h"

#include <zlib.h>

#include <algorithm>
#include <limits>

namespace holdfast::base {
namespace {

constexpr int kWindowBits = 15;
constexpr int kGzip = kWindowBits + 16;  // zlib's way of asking for a gzip header and trailer
constexpr int kZlib = kWindowBits;
constexpr std::size_t kChunk = 64 * 1024;

const char* format_name(int window_bits) { return window_bits == kGzip ? "gzip" : "zlib"; }

// zlib counts in unsigned int: more than 4 GiB goes in pieces.
uInt next_piece(std::size_t left) {
  return static_cast<uInt>(std::min<std::size_t>(left, std::numeric_limits<uInt>::max()));
}

// zlib never writes through next_in; its type predates const.
Bytef* input(std::string_view bytes) {
  return reinterpret_cast<Bytef*>(
      const_cast<char*>(bytes.data()));  // NOLINT(cppcoreguidelines-pro-type-const-cast)
}

std::string compress(std::string_view bytes, int level, int window_bits) {
  z_stream stream{};
  if (deflateInit2(&stream, level, Z_DEFLATED, window_bits, 8, Z_DEFAULT_STRATEGY) != Z_OK) return {};
  std::string out;
  out.resize(deflateBound(&stream, bytes.size()));
  stream.next_in = input(bytes);
  std::size_t taken = 0;
  std::size_t written = 0;
  int status = Z_OK;
  while (status == Z_OK) {
    const uInt piece = next_piece(bytes.size() - taken);
    const uInt room = next_piece(out.size() - written);
    stream.avail_in = piece;
    stream.next_out = reinterpret_cast<Bytef*>(out.data()) + written;
    stream.avail_out = room;
    status = deflate(&stream, taken + piece == bytes.size() ? Z_FINISH : Z_NO_FLUSH);
    taken += piece - stream.avail_in;
    written += room - stream.avail_out;
  }
  deflateEnd(&stream);
  out.resize(written);
  return out;
}

class Inflater {
 public:
  Inflater(std::string_view bytes, int window_bits) : left_(bytes), window_bits_(window_bits) {
    stream_.next_in = input(bytes);
    ready_ = inflateInit2(&stream_, window_bits) == Z_OK;
  }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;
  ~Inflater() { inflateEnd(&stream_); }

  std::string_view left() const { return left_; }

  // Appends one whole member to `out`, never beyond `limit` bytes in all.
  Result<void> append_member(std::string& out, std::size_t limit) {
    const std::string format = format_name(window_bits_);
    if (!ready_ || inflateReset(&stream_) != Z_OK)
      return Error{"no memory to inflate " + format + " data", ""};
    int status = Z_OK;
    while (status != Z_STREAM_END) {
      const std::size_t before = out.size();
      // One byte beyond the limit is enough to know that it was passed.
      const std::size_t room = limit - before < kChunk ? limit - before + 1 : kChunk;
      out.resize(before + room);
      const uInt piece = next_piece(left_.size());
      stream_.avail_in = piece;
      stream_.next_out = reinterpret_cast<Bytef*>(out.data()) + before;
      stream_.avail_out = static_cast<uInt>(room);
      status = inflate(&stream_, Z_NO_FLUSH);
      left_.remove_prefix(piece - stream_.avail_in);
      out.resize(before + room - stream_.avail_out);
      if (out.size() > limit) {
        return Error{format + " data inflates to more than " + std::to_string(limit) + " bytes",
                     "it is far larger than any profile should be: check what was fetched"};
      }
      if (status == Z_BUF_ERROR) {
        return Error{format + " data is truncated", "fetch it again: the transfer or the disk ended early"};
      }
      if (status != Z_OK && status != Z_STREAM_END) {
        return Error{format + " data is corrupted", "fetch it again, as binary data"};
      }
    }
    return {};
  }

 private:
  z_stream stream_{};
  std::string_view left_;
  int window_bits_;
  bool ready_ = false;
};

}  // namespace

bool is_gzip(std::string_view bytes) noexcept {
  return bytes.size() >= 2 && bytes[0] == '\x1f' && bytes[1] == '\x8b';
}

std::string gzip(std::string_view bytes, int level) { return compress(bytes, level, kGzip); }

std::string zlib_deflate(std::string_view bytes, int level) { return compress(bytes, level, kZlib); }

Result<std::string> gunzip(std::string_view bytes, std::size_t limit) {
  if (!is_gzip(bytes)) return Error{"not gzip data", "pass the bytes as they were written"};
  Inflater inflater(bytes, kGzip);
  std::string out;
  while (!inflater.left().empty()) {
    if (!is_gzip(inflater.left()))
      return Error{"gzip data is followed by garbage", "fetch it again, as binary data"};
    if (Result<void> done = inflater.append_member(out, limit); !done) return done.error();
  }
  return out;
}

Result<std::string> zlib_inflate(std::string_view bytes, std::size_t limit) {
  Inflater inflater(bytes, kZlib);
  std::string out;
  if (Result<void> done = inflater.append_member(out, limit); !done) return done.error();
  if (!inflater.left().empty()) return Error{"zlib data is followed by garbage", ""};
  return out;
}

}  // namespace holdfast::base
