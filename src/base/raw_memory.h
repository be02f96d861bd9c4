// Memory straight from the kernel, for everything that runs inside malloc: no function here calls the
// allocator, takes a lock or throws. Any thread; errno is preserved. What is mapped here is Holdfast's own
// memory and is counted as such.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <new>

namespace holdfast::base {

// Zeroed, readable and writable pages; nullptr when the kernel refuses. `bytes` is rounded up to whole pages.
void* map_pages(std::size_t bytes) noexcept;
void unmap_pages(void* address, std::size_t bytes) noexcept;

// Address space without memory behind it (PROT_NONE), aligned to `alignment` (a power of two, at least a
// page).
void* reserve_pages(std::size_t bytes, std::size_t alignment) noexcept;
void unreserve_pages(void* address, std::size_t bytes) noexcept;
// Makes part of a reservation readable and writable.
bool commit_pages(void* address, std::size_t bytes) noexcept;

// Bytes mapped by map_pages and not yet unmapped: an upper bound of the memory Holdfast itself holds.
std::size_t mapped_bytes() noexcept;

// Where that memory lies, for the search for holders, which must not take Holdfast's tables for the program's.
struct MappedRange {
  std::uintptr_t start;
  std::size_t bytes;
};
// Writes up to `max` ranges in no order and returns how many there are. Lock-free; a range mapped or unmapped meanwhile
// may be missing or still there. Ranges beyond the 65,536th at one time are not known.
std::size_t mapped_ranges(MappedRange* out, std::size_t max) noexcept;

// An array of up to Chunks * ChunkSize zero-initialised T that never moves: chunks are mapped when first touched, so
// that a bound of a million costs nothing until it is used, and address-space limits hold.
// Reading is lock-free; at_grow() may be called from several threads (the loser of a race unmaps its chunk).
template <typename T, std::size_t ChunkSize, std::size_t Chunks>
class ChunkedArray {
 public:
  static constexpr std::size_t kCapacity = ChunkSize * Chunks;

  // The element, or nullptr when its chunk was never grown.
  T* at(std::size_t index) const noexcept {
    T* chunk = chunks_[index / ChunkSize].load(std::memory_order_acquire);
    return chunk == nullptr ? nullptr : chunk + index % ChunkSize;
  }

  // The element, its chunk mapped if need be; nullptr beyond the capacity or when no memory is to be had.
  T* at_grow(std::size_t index) noexcept {
    if (index >= kCapacity) return nullptr;
    if (T* element = at(index)) return element;
    T* fresh = static_cast<T*>(map_pages(sizeof(T) * ChunkSize));
    if (fresh == nullptr) return nullptr;
    T* expected = nullptr;
    if (!chunks_[index / ChunkSize].compare_exchange_strong(expected, fresh, std::memory_order_acq_rel)) {
      unmap_pages(fresh, sizeof(T) * ChunkSize);
    }
    return at(index);
  }

 private:
  std::atomic<T*> chunks_[Chunks] = {};
};

// A growing array on mapped pages, for snapshots that must not allocate while they hold a lock. One owner
// thread.
template <typename T>
class RawVector {
 public:
  RawVector() = default;
  RawVector(const RawVector&) = delete;
  RawVector& operator=(const RawVector&) = delete;
  ~RawVector() { unmap_pages(data_, capacity_ * sizeof(T)); }

  // Room for `capacity` elements in all, the present ones kept; false when no memory is to be had.
  bool reserve(std::size_t capacity) noexcept {
    if (capacity <= capacity_) return true;
    std::size_t wanted = capacity_ == 0 ? 64 : capacity_;
    while (wanted < capacity) wanted *= 2;
    T* fresh = static_cast<T*>(map_pages(wanted * sizeof(T)));
    if (fresh == nullptr) return false;
    for (std::size_t i = 0; i < size_; ++i) fresh[i] = data_[i];
    unmap_pages(data_, capacity_ * sizeof(T));
    data_ = fresh;
    capacity_ = wanted;
    return true;
  }
  // Grows to `size` zeroed elements.
  bool resize(std::size_t size) noexcept {
    if (!reserve(size)) return false;
    for (std::size_t i = size_; i < size; ++i) data_[i] = T{};
    size_ = size;
    return true;
  }
  // Forgets the elements from `size` on.
  void resize_down(std::size_t size) noexcept {
    if (size < size_) size_ = size;
  }
  bool push_back(const T& value) noexcept {
    if (size_ == capacity_ && !reserve(size_ + 1)) return false;
    data_[size_++] = value;
    return true;
  }

  T& operator[](std::size_t i) noexcept { return data_[i]; }
  const T& operator[](std::size_t i) const noexcept { return data_[i]; }
  T* begin() noexcept { return data_; }
  T* end() noexcept { return data_ + size_; }
  const T* begin() const noexcept { return data_; }
  const T* end() const noexcept { return data_ + size_; }
  std::size_t size() const noexcept { return size_; }
  std::size_t capacity() const noexcept { return capacity_; }

 private:
  T* data_ = nullptr;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
};

}  // namespace holdfast::base
