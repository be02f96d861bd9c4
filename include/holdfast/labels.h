// Labels: which tenant, which route an allocation was made for. While a Label lives, every sampled allocation
// of its thread carries it, and keeps it until it is freed; profiles and reports show the shares.
//
//     holdfast::Label tenant{"tenant", request.tenant};
//     holdfast::Label route{"route", "/v1/register"};
//
// Use what is few in number (tenants, routes, kinds of jobs), not what is unique (request ids): the first
// Options::max_label_values values of a key that are seen are told apart, all others share the value
// "(other)". Every function: any thread, noexcept, allocates nothing from the program's heap, does nothing
// harmful without a session. Allocations made while no label lives cost nothing more.
#pragma once

#include <charconv>
#include <concepts>
#include <cstddef>
#include <string_view>

namespace holdfast {

namespace record {
struct LabelNode;
}

class Label {
 public:
  // Both texts are copied: a key of up to 40 bytes, a value of up to 120, longer ones cut. In the key,
  // everything but letters, digits, '_' and '.' becomes '_'; a label without a key is ignored. At most 16
  // keys are known in a process, and an allocation carries the 8 innermost labels; of two labels with one key
  // the inner counts. About 0.1 us with its destruction.
  Label(std::string_view key, std::string_view value) noexcept;

  Label(std::string_view key, const char* value) noexcept
      : Label(key, value == nullptr ? std::string_view() : std::string_view(value)) {}

  // The number in decimal (tenant 42 is "42"), or "true" and "false".
  template <std::integral Number>
  Label(std::string_view key, Number value) noexcept : Label(key, Digits(value).text()) {}

  Label(const Label&) = delete;
  Label& operator=(const Label&) = delete;
  // Labels end in any order and on any thread; one that ends elsewhere than it began (a coroutine resumed on
  // another thread) is gone from its first thread as well.
  ~Label();

 private:
  class Digits {
   public:
    template <std::integral Number>
    explicit Digits(Number value) noexcept {
      if constexpr (std::same_as<Number, bool>) {
        text_ = value ? "true" : "false";
      } else {
        text_ = {buffer_, static_cast<std::size_t>(
                              std::to_chars(buffer_, buffer_ + sizeof(buffer_), value).ptr - buffer_)};
      }
    }
    std::string_view text() const noexcept { return text_; }

   private:
    char buffer_[48];
    std::string_view text_;
  };

  record::LabelNode* node_;  // null where the label was ignored
};

// The labels of a thread, to be put in force on another one: work that a request hands to a pool is still its
// tenant's.
//
//     pool.post([labels = holdfast::Labels::capture()] { holdfast::Labels::Scope scope(labels); work(); });
class Labels {
 public:
  // Those in force on the calling thread. They may outlive their Label objects.
  static Labels capture() noexcept;

  Labels() noexcept = default;  // none
  Labels(const Labels& other) noexcept;
  Labels(Labels&& other) noexcept;
  Labels& operator=(Labels other) noexcept;
  ~Labels();

  // While it lives, the captured labels are in force instead of those of its thread, which come back with its
  // end.
  class Scope {
   public:
    explicit Scope(const Labels& labels) noexcept;
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;
    ~Scope();

   private:
    record::LabelNode* node_;
  };

 private:
  record::LabelNode* node_ = nullptr;
};

}  // namespace holdfast
