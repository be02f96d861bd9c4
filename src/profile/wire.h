// Reading protobuf fields whose wire type is not to be trusted: protozero asserts the type, these throw
// Broken instead. Inside the decoders only.
#pragma once

#include <cstdint>
#include <protozero/pbf_reader.hpp>
#include <string>
#include <string_view>

#include "profile/broken.h"

namespace holdfast::profile::wire {

inline void expect(const protozero::pbf_reader& reader, protozero::pbf_wire_type type) {
  if (reader.wire_type() != type)
    throw Broken("field " + std::to_string(reader.tag()) + " has the wrong wire type");
}

inline std::uint64_t number(protozero::pbf_reader& reader) {
  expect(reader, protozero::pbf_wire_type::varint);
  return reader.get_uint64();
}

inline std::int64_t signed_number(protozero::pbf_reader& reader) {
  return static_cast<std::int64_t>(number(reader));
}

inline std::uint64_t fixed64(protozero::pbf_reader& reader) {
  expect(reader, protozero::pbf_wire_type::fixed64);
  return reader.get_fixed64();
}

inline std::string_view bytes(protozero::pbf_reader& reader) {
  expect(reader, protozero::pbf_wire_type::length_delimited);
  const protozero::data_view view = reader.get_view();
  return {view.data(), view.size()};
}

// protozero cannot read a null pointer, which is what an empty view may hold.
inline protozero::pbf_reader reader_of(std::string_view message) {
  return message.empty() ? protozero::pbf_reader{} : protozero::pbf_reader{message.data(), message.size()};
}

inline protozero::pbf_reader message(protozero::pbf_reader& reader) { return reader_of(bytes(reader)); }

// Calls `each(value)` for every number of a repeated varint field, packed or not.
template <typename Each>
void numbers(protozero::pbf_reader& reader, Each each) {
  if (reader.wire_type() == protozero::pbf_wire_type::varint) {
    each(reader.get_uint64());
    return;
  }
  expect(reader, protozero::pbf_wire_type::length_delimited);
  for (std::uint64_t value : reader.get_packed_uint64()) each(value);
}

// Calls `each(value)` for every double of a packed field.
template <typename Each>
void doubles(protozero::pbf_reader& reader, Each each) {
  expect(reader, protozero::pbf_wire_type::length_delimited);
  for (double value : reader.get_packed_double()) each(value);
}

// The same for a packed field of floats.
template <typename Each>
void floats(protozero::pbf_reader& reader, Each each) {
  expect(reader, protozero::pbf_wire_type::length_delimited);
  for (float value : reader.get_packed_float()) each(value);
}

}  // namespace holdfast::profile::wire
