// app/diagnosis/kube_describe.h: what surrounds a line in the output of `kubectl describe`: the
// object, the container, its image, limits, command and last exit. Indentation is the structure:
//   Name:       web-5d4f                      object, at column 0 (a quote before it is allowed)
//   Containers:
//     app:                                    container
//       Limits:
//         memory: 64Mi                        path "Containers/app/Limits/memory"
#pragma once
#include <string>
#include <utility>
#include <vector>

#include "app/diagnosis/scan.h"
#include "app/diagnosis/wording.h"

namespace app::diagnosis {

struct DescribedField {
  std::string path{}, value{};// block text (Command:, Args:) is joined by spaces
  size_t line = 0;           // index into Document::lines
};

struct DescribedObject {
  std::string kind{}, name{}, name_space{};  // kind is guessed from the fields: Pod, Deployment, Service ...
  size_t begin = 0, end = 0;           // lines of the document
  std::vector<DescribedField> fields{};

  const DescribedField* find(const std::string& path) const;
  std::string get(const std::string& path) const;   // "" where absent
  // Names of what stands below "Containers" and "Init Containers", as paths.
  std::vector<std::string> containers() const;
};

std::vector<DescribedObject> parse_described(const Document& document);

// Adds to values what surrounds a line: object, kind, namespace, container, image, command, reason,
// exit_code, memory_limit, memory_request, restarts, node, node_selector; and to lines the document lines that say so.
// Where the document is no such output, object is taken from a shown command line
// ("$ kubectl logs NAME"), if there is one.
void add_context(const Document& document, const std::vector<DescribedObject>& objects, size_t line,
                 Values& values, std::vector<std::pair<std::string, size_t>>& lines);

}  // namespace app::diagnosis
