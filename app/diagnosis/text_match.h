// app/diagnosis/text_match.h: how much a text speaks of a question: words and BM25.
#pragma once
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace app::diagnosis {

// Lower-case words of at least two letters or digits, English stop words dropped, a plural s and
// common endings cut, parts of compound names ("payment-api", "DB_CONN") both whole and split.
std::vector<std::string> words(std::string_view text);

// Names in a question: words that are no English words since they hold a '-', '_', '.', '/' or a digit.
std::vector<std::string> names_in(std::string_view question);

// Okapi BM25 with k1 = 1.2, b = 0.75 over a fixed collection.
class Bm25 {
 public:
  void add(std::string_view text);           // its index is the number of texts before it
  void finish();                             // after the last add
  // Scores of all texts for a question; 0 where no word is shared.
  std::vector<double> scores(std::string_view question) const;
  size_t size() const { return lengths_.size(); }

 private:
  struct Posting { size_t text; double count; };
  std::map<std::string, std::vector<Posting>> postings_;
  std::vector<double> lengths_;
  double mean_length_ = 1;
};

}  // namespace app::diagnosis
