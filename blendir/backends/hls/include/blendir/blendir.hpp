/// The whole library.
#ifndef BLENDIR_BLENDIR_HPP
#define BLENDIR_BLENDIR_HPP

#include "argmax.hpp"
#include "axi.hpp"
#include "depthwise.hpp"
#include "elementwise.hpp"
#include "levels.hpp"
#include "layer_norm.hpp"
#include "lookup.hpp"
#include "mvu.hpp"
#include "numerics.hpp"
#include "planes.hpp"
#include "pool.hpp"
#include "product.hpp"
#include "popcount.hpp"
#include "reorder.hpp"
#include "route.hpp"
#include "stream.hpp"
#include "types.hpp"
#include "window.hpp"

#endif  // BLENDIR_BLENDIR_HPP
