// app/kql/h3.h: the hexagons of the H3 grid: a point's cell at a resolution, and a cell's centre,
// corners, parent, children and rings.
//
// The grid lies on the 20 faces of an icosahedron. 122 cells of resolution 0, twelve of them pentagons
// around its corners, are cut by seven again and again, turned by about 19 degrees each time. A cell is
// 64 bits: mode 1 (bits 59-62), resolution (52-55), base cell (45-51), then a digit of 3 bits for each
// resolution, 7 where there is none. On paper a cell is a face and three coordinates i, j, k at 120
// degrees to each other, of which the smallest is always 0.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "app/kql/geo_shapes.h"

namespace app::kql::geo {

constexpr int max_h3_resolution = 15;

uint64_t h3_cell(const Point& p, int resolution);                  // resolution in 0..15
std::optional<uint64_t> parse_h3(std::string_view text);           // none where no cell has this name
std::string h3_text(uint64_t cell);
int h3_resolution(uint64_t cell);
Point h3_centre(uint64_t cell);
Path h3_corners(uint64_t cell);                                    // counter-clockwise, not closed
uint64_t h3_parent(uint64_t cell, int resolution);                 // resolution not above the cell's
std::vector<uint64_t> h3_children(uint64_t cell, int resolution);  // resolution not below the cell's
// Rings around a cell: ring 0 is the cell, ring n the cells n steps away.
std::vector<std::vector<uint64_t>> h3_rings(uint64_t cell, int n_rings);
double h3_edge_radians(int resolution);                            // of an average cell

}  // namespace app::kql::geo
