// RUN: blendir-opt %s -p 'lower-to-stream' --split-input-file | filecheck %s

// CHECK-LABEL: builtin.module @bits_leave_in_another_order {
// CHECK: stream.threshold {{.*}} -> !stream.stream<3, 1, 2, i1, 1>
// CHECK-NEXT: stream.reorder {{.*}}layer = "conv.reorder", extents = array<i64: 2, 3>, steps = array<i64: 1, 2>} : (!stream.stream<3, 1, 2, i1, 1>) -> !stream.stream<2, 1, 3, i1, 1>
// CHECK: stream.binary_mvu
builtin.module @bits_leave_in_another_order {
  func.func @main(%x : tensor<1x2x3x1xui8>) -> tensor<1x1x2x1xi32> {
    %l = blend.constant dense<5> : tensor<2xi64>
    %no = blend.constant dense<false> : tensor<2xi1>
    %w = blend.constant dense<5> : tensor<1x1x1x1xi64> as tensor<1x1x1x1x!blend.word>
    %t = blend.transpose %x {permutation = array<i64: 0, 2, 1, 3>} : (tensor<1x2x3x1xui8>) -> tensor<1x3x2x1xui8>
    %b = blend.threshold %t, %l, %no {axis = 2 : i64} : (tensor<1x3x2x1xui8>, tensor<2xi64>, tensor<2xi1>) -> tensor<1x1x2x1x!blend.word>
    %y = blend.packed_binary_conv2d %b, %w {layer = "conv", channels = 3 : i64, strides = array<i64: 1, 1>, padding = array<i64: 0, 0>} : (tensor<1x1x2x1x!blend.word>, tensor<1x1x1x1x!blend.word>) -> tensor<1x1x2x1xi32>
    func.return %y : tensor<1x1x2x1xi32>
  }
}

// -----

// CHECK-LABEL: builtin.module @narrow_elements_are_kept {
// CHECK: stream.fixed_mvu {{.*}} -> !stream.stream<2, 1, 3, !blend.fixed<4, 4>, 1>
// CHECK-NEXT: stream.reorder {{.*}}layer = "sum.reorder", extents = array<i64: 3, 2>, steps = array<i64: 1, 3>} : (!stream.stream<2, 1, 3, !blend.fixed<4, 4>, 1>) -> !stream.stream<3, 1, 2, !blend.fixed<4, 4>, 1>
// CHECK-NEXT: stream.requantize
// CHECK-NEXT: stream.add
builtin.module @narrow_elements_are_kept {
  func.func @main(%x : tensor<1x2x3x1xui8>) -> tensor<1x2x3x1x!blend.fixed<16, 10>> {
    %w = blend.constant dense<1> : tensor<3x3x1x1xi8> as tensor<3x3x1x1x!blend.fixed<2, 2>>
    %o = blend.constant dense<0> : tensor<3xi8> as tensor<3x!blend.fixed<2, 2>>
    %r = blend.requantize %x : (tensor<1x2x3x1xui8>) -> tensor<1x2x3x1x!blend.fixed<16, 10>>
    %t = blend.transpose %x {permutation = array<i64: 0, 2, 1, 3>} : (tensor<1x2x3x1xui8>) -> tensor<1x3x2x1xui8>
    %c = blend.fixed_conv2d %t, %w, %o {strides = array<i64: 1, 1>, padding = array<i64: 0, 0>} : (tensor<1x3x2x1xui8>, tensor<3x3x1x1x!blend.fixed<2, 2>>, tensor<3x!blend.fixed<2, 2>>) -> tensor<1x3x2x1x!blend.fixed<4, 4>>
    %q = blend.requantize %c : (tensor<1x3x2x1x!blend.fixed<4, 4>>) -> tensor<1x3x2x1x!blend.fixed<16, 10>>
    %u = blend.transpose %q {permutation = array<i64: 0, 2, 1, 3>} : (tensor<1x3x2x1x!blend.fixed<16, 10>>) -> tensor<1x2x3x1x!blend.fixed<16, 10>>
    %y = blend.add %r, %u {layer = "sum"} : (tensor<1x2x3x1x!blend.fixed<16, 10>>, tensor<1x2x3x1x!blend.fixed<16, 10>>) -> tensor<1x2x3x1x!blend.fixed<16, 10>>
    func.return %y : tensor<1x2x3x1x!blend.fixed<16, 10>>
  }
}
