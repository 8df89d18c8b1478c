// RUN: blendir-opt %s --fold-bn --split-input-file | filecheck %s

// Half to even: 1/2 rounds to 0, so that level 1 begins behind it; 3/2 rounds to 2.

// CHECK-LABEL: builtin.module @round_is_levels {
// CHECK: %[[T:.*]] = blend.constant dense<{{\[\[}}{{.*}}> : tensor<2x3xf64>
// CHECK: %[[Q:.*]] = blend.multi_threshold %x, %[[T]], %{{.*}} {layer = "act", lowest = 0 : i64} : (tensor<1x2x2x2xf64>, tensor<2x3xf64>, tensor<2xi1>) -> tensor<1x2x2x2x!blend.fixed<3, 3>>
// CHECK: blend.affine %[[Q]]
// CHECK-NOT: blend.round
builtin.module @round_is_levels {
  func.func @main(%x : tensor<1x2x2x2xf64>) -> tensor<1x2x2x2xf64> {
    %c = blend.clamp %x {low = 0.0 : f64, high = 3.0 : f64} : tensor<1x2x2x2xf64>
    %r = blend.round %c {layer = "act"} : tensor<1x2x2x2xf64>
    func.return %r : tensor<1x2x2x2xf64>
  }
}

// -----

// CHECK-LABEL: builtin.module @two_levels_are_bits {
// CHECK: blend.threshold
// CHECK: blend.bits_to_value
// CHECK-NOT: blend.multi_threshold
builtin.module @two_levels_are_bits {
  func.func @main(%x : tensor<1x2x2x2xf64>) -> tensor<1x2x2x2xf64> {
    %c = blend.clamp %x {low = 0.0 : f64, high = 1.0 : f64} : tensor<1x2x2x2xf64>
    %r = blend.round %c {layer = "act"} : tensor<1x2x2x2xf64>
    func.return %r : tensor<1x2x2x2xf64>
  }
}

// -----

// Of pixels the thresholds are integers.

// CHECK-LABEL: builtin.module @pixels {
// CHECK: blend.constant dense<{{\[\[}}65, 192], [65, 192{{\]\]}}> : tensor<2x2xi64>
// CHECK: blend.multi_threshold %x
builtin.module @pixels {
  func.func @main(%x : tensor<1x2x2x2xui8>) -> tensor<1x2x2x2xf64> {
    %zero = blend.constant dense<0.0> : tensor<2xf64>
    %s = blend.constant dense<0.0078125> : tensor<2xf64>
    %a = blend.affine %x, %zero, %s, %zero : (tensor<1x2x2x2xui8>, tensor<2xf64>, tensor<2xf64>, tensor<2xf64>) -> tensor<1x2x2x2xf64>
    %r = blend.round %a {layer = "act"} : tensor<1x2x2x2xf64>
    func.return %r : tensor<1x2x2x2xf64>
  }
}

// -----

// CHECK-LABEL: builtin.module @open_range_stays {
// CHECK: blend.round
builtin.module @open_range_stays {
  func.func @main(%x : tensor<1x2x2x2xf64>) -> tensor<1x2x2x2xf64> {
    %r = blend.round %x {layer = "act"} : tensor<1x2x2x2xf64>
    func.return %r : tensor<1x2x2x2xf64>
  }
}

// -----

// CHECK-LABEL: builtin.module @integers_clamped_after_rounding {
// CHECK: blend.multi_threshold {{.*}}lowest = -2 : i64
// CHECK-NOT: blend.clamp
builtin.module @integers_clamped_after_rounding {
  func.func @main(%x : tensor<1x2x2x2xf64>) -> tensor<1x2x2x2xf64> {
    %r = blend.round %x {layer = "act"} : tensor<1x2x2x2xf64>
    %c = blend.clamp %r {low = -2.0 : f64, high = 1.0 : f64} : tensor<1x2x2x2xf64>
    func.return %c : tensor<1x2x2x2xf64>
  }
}

// -----

// Weights +-0.5 on levels 0 .. 3: an exact sum of integers, at most 6 in magnitude.

// CHECK-LABEL: builtin.module @products_of_levels {
// CHECK: blend.fixed_conv2d {{.*}} -> tensor<1x1x2x2x!blend.fixed<4, 4>>
// CHECK: blend.affine
builtin.module @products_of_levels {
  func.func @main(%x : tensor<1x2x2x2xf64>) -> tensor<1x1x2x2xf64> {
    %c = blend.clamp %x {low = 0.0 : f64, high = 3.0 : f64} : tensor<1x2x2x2xf64>
    %r = blend.round %c {layer = "act"} : tensor<1x2x2x2xf64>
    %w = blend.constant dense<[[[[0.5]], [[-0.5]]]]> : tensor<1x2x1x1xf64>
    %b = blend.constant dense<0.25> : tensor<1xf64>
    %y = blend.conv2d %r, %w, %b {layer = "conv", strides = array<i64: 1, 1>, padding = array<i64: 0, 0>} : (tensor<1x2x2x2xf64>, tensor<1x2x1x1xf64>, tensor<1xf64>) -> tensor<1x1x2x2xf64>
    func.return %y : tensor<1x1x2x2xf64>
  }
}

// -----

// CHECK-LABEL: builtin.module @weights_take_channels_in {
// CHECK: blend.conv2d %x, {{.*}} : (tensor<1x2x2x2xf64>, tensor<1x2x1x1xf64>
// CHECK-NOT: blend.take
builtin.module @weights_take_channels_in {
  func.func @main(%x : tensor<1x2x2x2xf64>) -> tensor<1x1x2x2xf64> {
    %t = blend.take %x {layer = "take", indices = array<i64: 1, 0, -1, 1>} : (tensor<1x2x2x2xf64>) -> tensor<1x4x2x2xf64>
    %w = blend.constant dense<1.0> : tensor<1x4x1x1xf64>
    %b = blend.constant dense<0.0> : tensor<1xf64>
    %y = blend.conv2d %t, %w, %b {layer = "conv", strides = array<i64: 1, 1>, padding = array<i64: 0, 0>} : (tensor<1x4x2x2xf64>, tensor<1x4x1x1xf64>, tensor<1xf64>) -> tensor<1x1x2x2xf64>
    func.return %y : tensor<1x1x2x2xf64>
  }
}

// -----

// CHECK-LABEL: builtin.module @fewer_channels_stay_taken {
// CHECK: blend.take
builtin.module @fewer_channels_stay_taken {
  func.func @main(%x : tensor<1x4x2x2xf64>) -> tensor<1x1x2x2xf64> {
    %t = blend.take %x {layer = "take", indices = array<i64: 1, 0>} : (tensor<1x4x2x2xf64>) -> tensor<1x2x2x2xf64>
    %w = blend.constant dense<1.0> : tensor<1x2x1x1xf64>
    %b = blend.constant dense<0.0> : tensor<1xf64>
    %y = blend.conv2d %t, %w, %b {layer = "conv", strides = array<i64: 1, 1>, padding = array<i64: 0, 0>} : (tensor<1x2x2x2xf64>, tensor<1x2x1x1xf64>, tensor<1xf64>) -> tensor<1x1x2x2xf64>
    func.return %y : tensor<1x1x2x2xf64>
  }
}

// -----

// Pixels times +-0.5 are exact sums of integers too.

// CHECK-LABEL: builtin.module @products_of_pixels {
// CHECK: blend.constant dense<{{.*}}> : tensor<1x2x1x1xi8> as tensor<1x2x1x1x!blend.fixed<2, 2>>
// CHECK: blend.fixed_conv2d %x, {{.*}} : (tensor<1x2x2x2xui8>, {{.*}} -> tensor<1x1x2x2x!blend.fixed<10, 10>>
builtin.module @products_of_pixels {
  func.func @main(%x : tensor<1x2x2x2xui8>) -> tensor<1x1x2x2xf64> {
    %w = blend.constant dense<[[[[0.5]], [[-0.5]]]]> : tensor<1x2x1x1xf64>
    %b = blend.constant dense<0.25> : tensor<1xf64>
    %y = blend.conv2d %x, %w, %b {layer = "conv", strides = array<i64: 1, 1>, padding = array<i64: 0, 0>} : (tensor<1x2x2x2xui8>, tensor<1x2x1x1xf64>, tensor<1xf64>) -> tensor<1x1x2x2xf64>
    func.return %y : tensor<1x1x2x2xf64>
  }
}

// -----

// CHECK-LABEL: builtin.module @other_weights_stay {
// CHECK: blend.conv2d %x
builtin.module @other_weights_stay {
  func.func @main(%x : tensor<1x2x2x2xui8>) -> tensor<1x1x2x2xf64> {
    %w = blend.constant dense<[[[[0.5]], [[-0.31]]]]> : tensor<1x2x1x1xf64>
    %b = blend.constant dense<0.25> : tensor<1xf64>
    %y = blend.conv2d %x, %w, %b {layer = "conv", strides = array<i64: 1, 1>, padding = array<i64: 0, 0>} : (tensor<1x2x2x2xui8>, tensor<1x2x1x1xf64>, tensor<1xf64>) -> tensor<1x1x2x2xf64>
    func.return %y : tensor<1x1x2x2xf64>
  }
}

// -----

// More levels than thresholds are counted for are integers, and their scale follows.

// CHECK-LABEL: builtin.module @more_levels_are_integers {
// CHECK: %[[C:.*]] = blend.clamp %x
// CHECK: %[[Q:.*]] = blend.requantize %[[C]] {layer = "act", rounding = #blend<rounding half_even>} : (tensor<1x2x2x2xf64>) -> tensor<1x2x2x2x!blend.fixed<8, 8>>
// CHECK: blend.fixed_conv2d %[[Q]]
// CHECK-SAME: tensor<1x2x1x1x!blend.fixed<2, 2>>
// CHECK: blend.affine
// CHECK-NOT: blend.round
builtin.module @more_levels_are_integers {
  func.func @main(%x : tensor<1x2x2x2xf64>) -> tensor<1x1x2x2xf64> {
    %w = blend.constant dense<[[[[0.3]], [[-0.3]]]]> : tensor<1x2x1x1xf64>
    %b = blend.constant dense<0.5> : tensor<1xf64>
    %c = blend.clamp %x {low = -128.0 : f64, high = 127.0 : f64} : tensor<1x2x2x2xf64>
    %r = blend.round %c {layer = "act"} : tensor<1x2x2x2xf64>
    %y = blend.conv2d %r, %w, %b {layer = "conv", strides = array<i64: 1, 1>, padding = array<i64: 0, 0>} : (tensor<1x2x2x2xf64>, tensor<1x2x1x1xf64>, tensor<1xf64>) -> tensor<1x1x2x2xf64>
    func.return %y : tensor<1x1x2x2xf64>
  }
}
