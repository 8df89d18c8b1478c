// RUN: blendir-opt %s --quantize --split-input-file | filecheck %s

// Weights of 1 take two bits, where the bias is on the grid of their products.

// CHECK-LABEL: builtin.module @input_and_conv {
// CHECK: @main(%{{.*}}: tensor<1x2x4x4x!blend.fixed<16, 5>>)
// CHECK: blend.constant {{.*}} as tensor<2x2x3x3x!blend.fixed<2, 2>>
// CHECK: blend.fixed_conv2d {{.*}}!blend.fixed<13, 2>>) -> tensor<1x2x4x4x!blend.fixed<
// CHECK-NOT: f64
builtin.module @input_and_conv {
  func.func @main(%x : tensor<1x2x4x4xf64>) -> tensor<1x2x4x4xf64> {
    %w = blend.constant dense<1.0> : tensor<2x2x3x3xf64>
    %one = blend.constant dense<1.0> : tensor<2xf64>
    %y = blend.conv2d %x, %w, %one {strides = array<i64: 1, 1>, padding = array<i64: 1, 1>} : (tensor<1x2x4x4xf64>, tensor<2x2x3x3xf64>, tensor<2xf64>) -> tensor<1x2x4x4xf64>
    func.return %y : tensor<1x2x4x4xf64>
  }
}

// -----

// CHECK-LABEL: builtin.module @bias_between_products {
// CHECK: blend.constant {{.*}} as tensor<2x2x1x1x!blend.fixed<16, 2>>
// CHECK: blend.fixed_conv2d
builtin.module @bias_between_products {
  func.func @main(%x : tensor<1x2x4x4xf64>) -> tensor<1x2x4x4xf64> {
    %w = blend.constant dense<1.0> : tensor<2x2x1x1xf64>
    %b = blend.constant dense<0.3> : tensor<2xf64>
    %y = blend.conv2d %x, %w, %b {strides = array<i64: 1, 1>, padding = array<i64: 0, 0>} : (tensor<1x2x4x4xf64>, tensor<2x2x1x1xf64>, tensor<2xf64>) -> tensor<1x2x4x4xf64>
    func.return %y : tensor<1x2x4x4xf64>
  }
}

// -----

// CHECK-LABEL: builtin.module @pixels_stay {
// CHECK: @main(%{{.*}}: tensor<1x2x4x4xui8>)
// CHECK: blend.fixed_conv2d
builtin.module @pixels_stay {
  func.func @main(%x : tensor<1x2x4x4xui8>) -> tensor<1x2x4x4xf64> {
    %w = blend.constant dense<1.0> : tensor<2x2x3x3xf64>
    %one = blend.constant dense<1.0> : tensor<2xf64>
    %y = blend.conv2d %x, %w, %one {strides = array<i64: 1, 1>, padding = array<i64: 1, 1>} : (tensor<1x2x4x4xui8>, tensor<2x2x3x3xf64>, tensor<2xf64>) -> tensor<1x2x4x4xf64>
    func.return %y : tensor<1x2x4x4xf64>
  }
}

// -----

// CHECK-LABEL: builtin.module @linear {
// CHECK: blend.fixed_linear
builtin.module @linear {
  func.func @main(%x : tensor<1x2xf64>) -> tensor<1x2xf64> {
    %w = blend.constant dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf64>
    %one = blend.constant dense<1.0> : tensor<2xf64>
    %y = blend.linear %x, %w, %one : (tensor<1x2xf64>, tensor<2x2xf64>, tensor<2xf64>) -> tensor<1x2xf64>
    func.return %y : tensor<1x2xf64>
  }
}

// -----

// CHECK-LABEL: builtin.module @affine_becomes_pieces {
// CHECK-NOT: = blend.affine
// CHECK: blend.piecewise_linear {{.*}}!blend.fixed
builtin.module @affine_becomes_pieces {
  func.func @main(%x : tensor<1x2xf64>) -> tensor<1x2xf64> {
    %one = blend.constant dense<1.0> : tensor<2xf64>
    %two = blend.constant dense<2.0> : tensor<2xf64>
    %a = blend.affine %x, %one, %two, %one : (tensor<1x2xf64>, tensor<2xf64>, tensor<2xf64>, tensor<2xf64>) -> tensor<1x2xf64>
    func.return %a : tensor<1x2xf64>
  }
}

// -----

// CHECK-LABEL: builtin.module @threshold_is_rounded_up {
// CHECK: blend.constant dense<205> : tensor<2xi64>
// CHECK: blend.threshold
// CHECK: blend.bits_to_value {{.*}} -> tensor<1x2x!blend.fixed<2, 2>>
builtin.module @threshold_is_rounded_up {
  func.func @main(%x : tensor<1x2xf64>) -> tensor<1x2xf64> {
    %t = blend.constant dense<0.1> : tensor<2xf64>
    %no = blend.constant dense<false> : tensor<2xi1>
    %s = blend.threshold %x, %t, %no : (tensor<1x2xf64>, tensor<2xf64>, tensor<2xi1>) -> tensor<1x2xi1>
    %b = blend.bits_to_value %s : (tensor<1x2xi1>) -> tensor<1x2xf64>
    func.return %b : tensor<1x2xf64>
  }
}

// -----

// CHECK-LABEL: builtin.module @add_and_pools {
// CHECK: blend.add {{.*}} -> tensor<1x2x4x4x!blend.fixed<16, 6>>
// CHECK: blend.max_pool2d
// CHECK: blend.avg_pool2d {{.*}} -> tensor<1x2x1x1x!blend.fixed<18, 6>>
builtin.module @add_and_pools {
  func.func @main(%x : tensor<1x2x4x4xf64>) -> tensor<1x2x1x1xf64> {
    %s = blend.add %x, %x : (tensor<1x2x4x4xf64>, tensor<1x2x4x4xf64>) -> tensor<1x2x4x4xf64>
    %p = blend.max_pool2d %s {kernel = array<i64: 2, 2>, strides = array<i64: 2, 2>, padding = array<i64: 0, 0>} : (tensor<1x2x4x4xf64>) -> tensor<1x2x2x2xf64>
    %q = blend.avg_pool2d %p {kernel = array<i64: 2, 2>, strides = array<i64: 2, 2>, padding = array<i64: 0, 0>, divisor = 4 : i64} : (tensor<1x2x2x2xf64>) -> tensor<1x2x1x1xf64>
    func.return %q : tensor<1x2x1x1xf64>
  }
}

// -----

// CHECK-LABEL: builtin.module @clamp {
// CHECK: blend.clamp {{.*}}low = 0 : i64, high = 12288 : i64
builtin.module @clamp {
  func.func @main(%x : tensor<1x2xf64>) -> tensor<1x2xf64> {
    %k = blend.clamp %x {low = 0.0 : f64, high = 6.0 : f64} : tensor<1x2xf64>
    func.return %k : tensor<1x2xf64>
  }
}

// -----

// CHECK-LABEL: builtin.module @concat_of_other_formats {
// CHECK: %[[R:.*]] = blend.requantize
// CHECK: blend.concat
builtin.module @concat_of_other_formats {
  func.func @main(%x : tensor<1x2xf64>) -> tensor<1x4xf64> {
    %one = blend.constant dense<1.0> : tensor<2xf64>
    %two = blend.constant dense<2.0> : tensor<2xf64>
    %a = blend.affine %x, %one, %two, %one : (tensor<1x2xf64>, tensor<2xf64>, tensor<2xf64>, tensor<2xf64>) -> tensor<1x2xf64>
    %t = blend.concat %a, %x : (tensor<1x2xf64>, tensor<1x2xf64>) -> tensor<1x4xf64>
    func.return %t : tensor<1x4xf64>
  }
}

// -----

// CHECK-LABEL: builtin.module @bits_stay {
// CHECK: blend.threshold {{.*}}(tensor<1x2xui8>, tensor<2xi64>
// CHECK: blend.binary_linear
builtin.module @bits_stay {
  func.func @main(%x : tensor<1x2xui8>) -> tensor<1x2xi32> {
    %bw = blend.constant dense<true> : tensor<2x2xi1>
    %t = blend.constant dense<5> : tensor<2xi64>
    %no = blend.constant dense<false> : tensor<2xi1>
    %s = blend.threshold %x, %t, %no : (tensor<1x2xui8>, tensor<2xi64>, tensor<2xi1>) -> tensor<1x2xi1>
    %v = blend.binary_linear %s, %bw : (tensor<1x2xi1>, tensor<2x2xi1>) -> tensor<1x2xi32>
    func.return %v : tensor<1x2xi32>
  }
}
