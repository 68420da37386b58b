// app/system.h: small facts and deeds of the operating system that several screens need.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace app {

// Internet sockets (TCP and UDP) that this process holds; the display's Unix sockets do not count.
int count_internet_sockets();
std::vector<std::string> list_internet_sockets();  // "tcp 127.0.0.1:8080 listening", one each

// Writes beside the file and renames, so that a failure leaves the old one whole. Throws Error{io}.
void write_whole_file(const std::string& path, std::string_view text);

// Throws Error{not_found, io, invalid_input}; the last for a file over max_bytes.
std::string read_whole_file(const std::string& path, size_t max_bytes);

}  // namespace app
