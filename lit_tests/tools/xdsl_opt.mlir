// xDSL's own driver knows our dialects, passes and target.
// RUN: xdsl-opt -p fold-bn,pack48 %S/tiny.mlir | filecheck %s
// RUN: blendir-opt --quantize --pack48 --lower-to-stream --schedule %S/tiny.mlir -o %t 2> %t.stderr
// RUN: xdsl-opt -t blendir-hls %t --frontend mlir | filecheck %s --check-prefix=CPP

// CHECK: blend.packed_binary_conv2d
// CPP: void top(
