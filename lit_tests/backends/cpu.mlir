// A call of a kernel for each layer; what follows a product runs on its blocks, and only what others read is stored.
// RUN: rm -rf %t && blendir-translate --to-cpp -q %S/../tools/tiny.mlir -o %t 2> %t.stderr
// RUN: filecheck %s --input-file %t/network.cpp

// CHECK: uint16_t* const sign = (uint16_t*)(arena + {{[0-9]+}});
// CHECK: // sign: blend.threshold
// CHECK-NEXT: blendir::threshold<2, 16, true>(x, tables::sign_limit, tables::sign_flip, sign);
// CHECK: // conv: blend.packed_binary_conv2d
// CHECK-NEXT: // scale: blend.piecewise_linear
// CHECK-NEXT: blendir::binary_conv<blendir::Window<4, 4, 4, 4, 1, 1, 1, 1, 0, 0, 1, 1>, 1, 1, 3, 1, int16_t>(sign,
// CHECK-NEXT: BLENDIR_KEEP_BLOCK(
// CHECK-NEXT: const auto v1 = blendir::piecewise<{{[0-9]+}}, {{[0-9]+}}, 16>(v0, tables::scale_pieces + o * 5);
// CHECK-NEXT: blendir::store_block<16>(v1, scale + o * 16, p);
// CHECK: blendir::copy<48>(scale, y0);
