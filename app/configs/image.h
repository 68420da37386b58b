// app/configs/image.h: container image references, "registry:5000/team/app:1.2@sha256:...".
#pragma once
#include <string>
#include <string_view>

namespace app::configs {

struct Image {
  std::string name;    // with registry and path
  std::string tag;     // "" where none is given
  std::string digest;  // "sha256:...", or ""
};

inline Image parse_image(std::string_view text) {
  Image image;
  const size_t at = text.find('@');
  if (at != std::string_view::npos) {
    image.digest = text.substr(at + 1);
    text = text.substr(0, at);
  }
  const size_t slash = text.rfind('/');
  const size_t colon = text.find(':', slash == std::string_view::npos ? 0 : slash);
  if (colon != std::string_view::npos) image.tag = text.substr(colon + 1);
  image.name = text.substr(0, colon);
  return image;
}

}  // namespace app::configs
