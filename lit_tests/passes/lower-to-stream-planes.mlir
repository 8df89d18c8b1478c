// RUN: blendir-opt %s --lower-to-stream --split-input-file | filecheck %s

// Levels 0 .. 3 are bits 0 and 1, of three; the 0 outside is a level and needs no table. What counts are taken from: 3 * 3
// positive weights, and the bias.

// CHECK-LABEL: builtin.module @levels {
// CHECK-DAG: blend.constant dense<3> : tensor<1x1x1xi64>
// CHECK-DAG: blend.constant dense<292> : tensor<1x1x1xi64> as tensor<1x1x1x!blend.word>
// CHECK: stream.plane_mvu {{.*}}places = array<i64: 0, 1>, {{.*}} -> !stream.stream<2, 2, 1, !blend.fixed<8, 8>, 1>
builtin.module @levels {
  func.func @main(%x : tensor<1x1x2x2x!blend.fixed<4, 4>>) -> tensor<1x1x2x2x!blend.fixed<8, 8>> {
    %t = blend.constant dense<[[1, 2, 3]]> : tensor<1x3xi64>
    %no = blend.constant dense<false> : tensor<1xi1>
    %q = blend.multi_threshold %x, %t, %no {layer = "act", lowest = 0 : i64, step = 1 : i64} : (tensor<1x1x2x2x!blend.fixed<4, 4>>, tensor<1x3xi64>, tensor<1xi1>) -> tensor<1x1x2x2x!blend.fixed<3, 3>>
    %w = blend.constant dense<[[[[-1, -1, 1], [-1, -1, 1], [-1, -1, 1]]]]> : tensor<1x1x3x3xi8> as tensor<1x1x3x3x!blend.fixed<2, 2>>
    %b = blend.constant dense<-6> : tensor<1xi8> as tensor<1x!blend.fixed<4, 4>>
    %y = blend.fixed_conv2d %q, %w, %b {layer = "conv", strides = array<i64: 1, 1>, padding = array<i64: 1, 1>} : (tensor<1x1x2x2x!blend.fixed<3, 3>>, tensor<1x1x3x3x!blend.fixed<2, 2>>, tensor<1x!blend.fixed<4, 4>>) -> tensor<1x1x2x2x!blend.fixed<8, 8>>
    func.return %y : tensor<1x1x2x2x!blend.fixed<8, 8>>
  }
}

// -----

// Of -3, -1, 1 and 3 bits 1 and 2 change, and 3 is two signs; the 0 outside is no level: 5 taps of each window.

// CHECK-LABEL: builtin.module @odd_levels {
// CHECK-DAG: blend.constant dense<-42> : tensor<1x2x2xi64>
// CHECK-DAG: blend.constant dense<511> : tensor<1x2x1xi64> as tensor<1x2x1x!blend.word>
// CHECK: stream.plane_mvu {{.*}}places = array<i64: 1, 2>, row_classes = array<i64: 0, 1>, column_classes = array<i64: 0, 1>
builtin.module @odd_levels {
  func.func @main(%x : tensor<1x1x2x2x!blend.fixed<4, 4>>) -> tensor<1x1x2x2x!blend.fixed<8, 8>> {
    %t = blend.constant dense<[[1, 2, 3]]> : tensor<1x3xi64>
    %no = blend.constant dense<false> : tensor<1xi1>
    %q = blend.multi_threshold %x, %t, %no {layer = "act", lowest = -3 : i64, step = 2 : i64} : (tensor<1x1x2x2x!blend.fixed<4, 4>>, tensor<1x3xi64>, tensor<1xi1>) -> tensor<1x1x2x2x!blend.fixed<3, 3>>
    %w = blend.constant dense<3> : tensor<1x1x3x3xi8> as tensor<1x1x3x3x!blend.fixed<3, 3>>
    %b = blend.constant dense<0> : tensor<1xi8> as tensor<1x!blend.fixed<4, 4>>
    %y = blend.fixed_conv2d %q, %w, %b {layer = "conv", strides = array<i64: 1, 1>, padding = array<i64: 1, 1>} : (tensor<1x1x2x2x!blend.fixed<3, 3>>, tensor<1x1x3x3x!blend.fixed<3, 3>>, tensor<1x!blend.fixed<4, 4>>) -> tensor<1x1x2x2x!blend.fixed<8, 8>>
    func.return %y : tensor<1x1x2x2x!blend.fixed<8, 8>>
  }
}

// -----

// The bits of pixels are known by their type.

// CHECK-LABEL: builtin.module @pixels {
// CHECK: stream.plane_mvu {{.*}}places = array<i64: 0, 1, 2, 3, 4, 5, 6, 7>
builtin.module @pixels {
  func.func @main(%x : tensor<1x1x2x2xui8>) -> tensor<1x1x2x2x!blend.fixed<10, 10>> {
    %w = blend.constant dense<-1> : tensor<1x1x1x1xi8> as tensor<1x1x1x1x!blend.fixed<2, 2>>
    %b = blend.constant dense<0> : tensor<1xi8> as tensor<1x!blend.fixed<2, 2>>
    %y = blend.fixed_conv2d %x, %w, %b {layer = "conv", strides = array<i64: 1, 1>, padding = array<i64: 0, 0>} : (tensor<1x1x2x2xui8>, tensor<1x1x1x1x!blend.fixed<2, 2>>, tensor<1x!blend.fixed<2, 2>>) -> tensor<1x1x2x2x!blend.fixed<10, 10>>
    func.return %y : tensor<1x1x2x2x!blend.fixed<10, 10>>
  }
}

// -----

// 8 bits times 2 are too many counts.

// CHECK-LABEL: builtin.module @many_pairs {
// CHECK: stream.fixed_mvu
builtin.module @many_pairs {
  func.func @main(%x : tensor<1x1x2x2xui8>) -> tensor<1x1x2x2x!blend.fixed<12, 12>> {
    %w = blend.constant dense<3> : tensor<1x1x1x1xi8> as tensor<1x1x1x1x!blend.fixed<3, 3>>
    %b = blend.constant dense<0> : tensor<1xi8> as tensor<1x!blend.fixed<2, 2>>
    %y = blend.fixed_conv2d %x, %w, %b {layer = "conv", strides = array<i64: 1, 1>, padding = array<i64: 0, 0>} : (tensor<1x1x2x2xui8>, tensor<1x1x1x1x!blend.fixed<3, 3>>, tensor<1x!blend.fixed<2, 2>>) -> tensor<1x1x2x2x!blend.fixed<12, 12>>
    func.return %y : tensor<1x1x2x2x!blend.fixed<12, 12>>
  }
}

// -----

// CHECK-LABEL: builtin.module @many_bits {
// CHECK: stream.fixed_mvu
builtin.module @many_bits {
  func.func @main(%x : tensor<1x1x2x2x!blend.fixed<9, 9>>) -> tensor<1x1x2x2x!blend.fixed<12, 12>> {
    %w = blend.constant dense<1> : tensor<1x1x1x1xi8> as tensor<1x1x1x1x!blend.fixed<2, 2>>
    %b = blend.constant dense<0> : tensor<1xi8> as tensor<1x!blend.fixed<2, 2>>
    %y = blend.fixed_conv2d %x, %w, %b {layer = "conv", strides = array<i64: 1, 1>, padding = array<i64: 0, 0>} : (tensor<1x1x2x2x!blend.fixed<9, 9>>, tensor<1x1x1x1x!blend.fixed<2, 2>>, tensor<1x!blend.fixed<2, 2>>) -> tensor<1x1x2x2x!blend.fixed<12, 12>>
    func.return %y : tensor<1x1x2x2x!blend.fixed<12, 12>>
  }
}

// -----

// CHECK-LABEL: builtin.module @even_weight {
// CHECK: stream.fixed_mvu
builtin.module @even_weight {
  func.func @main(%x : tensor<1x1x2x2x!blend.fixed<3, 3>>) -> tensor<1x1x2x2x!blend.fixed<12, 12>> {
    %w = blend.constant dense<2> : tensor<1x1x1x1xi8> as tensor<1x1x1x1x!blend.fixed<3, 3>>
    %b = blend.constant dense<0> : tensor<1xi8> as tensor<1x!blend.fixed<2, 2>>
    %y = blend.fixed_conv2d %x, %w, %b {layer = "conv", strides = array<i64: 1, 1>, padding = array<i64: 0, 0>} : (tensor<1x1x2x2x!blend.fixed<3, 3>>, tensor<1x1x1x1x!blend.fixed<3, 3>>, tensor<1x!blend.fixed<2, 2>>) -> tensor<1x1x2x2x!blend.fixed<12, 12>>
    func.return %y : tensor<1x1x2x2x!blend.fixed<12, 12>>
  }
}

// -----

// A sum of -9 saturates.

// CHECK-LABEL: builtin.module @saturated_sum {
// CHECK: stream.fixed_mvu
builtin.module @saturated_sum {
  func.func @main(%x : tensor<1x1x2x2x!blend.fixed<3, 3>>) -> tensor<1x1x2x2x!blend.fixed<4, 4>> {
    %w = blend.constant dense<3> : tensor<1x1x1x1xi8> as tensor<1x1x1x1x!blend.fixed<3, 3>>
    %b = blend.constant dense<0> : tensor<1xi8> as tensor<1x!blend.fixed<2, 2>>
    %y = blend.fixed_conv2d %x, %w, %b {layer = "conv", strides = array<i64: 1, 1>, padding = array<i64: 0, 0>} : (tensor<1x1x2x2x!blend.fixed<3, 3>>, tensor<1x1x1x1x!blend.fixed<3, 3>>, tensor<1x!blend.fixed<2, 2>>) -> tensor<1x1x2x2x!blend.fixed<4, 4>>
    func.return %y : tensor<1x1x2x2x!blend.fixed<4, 4>>
  }
}

// -----

// CHECK-LABEL: builtin.module @rounded_sum {
// CHECK: stream.fixed_mvu
builtin.module @rounded_sum {
  func.func @main(%x : tensor<1x1x2x2x!blend.fixed<3, 3>>) -> tensor<1x1x2x2x!blend.fixed<8, 9>> {
    %w = blend.constant dense<1> : tensor<1x1x1x1xi8> as tensor<1x1x1x1x!blend.fixed<2, 2>>
    %b = blend.constant dense<0> : tensor<1xi8> as tensor<1x!blend.fixed<2, 2>>
    %y = blend.fixed_conv2d %x, %w, %b {layer = "conv", strides = array<i64: 1, 1>, padding = array<i64: 0, 0>} : (tensor<1x1x2x2x!blend.fixed<3, 3>>, tensor<1x1x1x1x!blend.fixed<2, 2>>, tensor<1x!blend.fixed<2, 2>>) -> tensor<1x1x2x2x!blend.fixed<8, 9>>
    func.return %y : tensor<1x1x2x2x!blend.fixed<8, 9>>
  }
}
