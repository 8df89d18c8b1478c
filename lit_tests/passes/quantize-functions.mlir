// RUN: blendir-opt %s --quantize --split-input-file | filecheck %s

// CHECK-LABEL: builtin.module @product
// CHECK: blend.multiply %{{.*}} : (tensor<1x2x4x4x!blend.fixed<16, 5>>, tensor<1x2x1x1x!blend.fixed<20, 5>>) -> tensor<1x2x4x4x!blend.fixed<16, 8>>
builtin.module @product {
  func.func @main(%x : tensor<1x2x4x4xf64>) -> tensor<1x2x4x4xf64> {
    %q = blend.avg_pool2d %x {kernel = array<i64: 4, 4>, strides = array<i64: 4, 4>, padding = array<i64: 0, 0>, divisor = 16 : i64} : (tensor<1x2x4x4xf64>) -> tensor<1x2x1x1xf64>
    %r = blend.multiply %x, %q : (tensor<1x2x4x4xf64>, tensor<1x2x1x1xf64>) -> tensor<1x2x4x4xf64>
    func.return %r : tensor<1x2x4x4xf64>
  }
}

// -----

// Bits times bits are exact in two bits.
// CHECK-LABEL: builtin.module @product_of_signs
// CHECK: blend.multiply %{{.*}} -> tensor<1x2x!blend.fixed<2, 2>>
builtin.module @product_of_signs {
  func.func @main(%x : tensor<1x2xf64>) -> tensor<1x2xf64> {
    %t = blend.constant dense<0.1> : tensor<2xf64>
    %no = blend.constant dense<false> : tensor<2xi1>
    %s = blend.threshold %x, %t, %no : (tensor<1x2xf64>, tensor<2xf64>, tensor<2xi1>) -> tensor<1x2xi1>
    %b = blend.bits_to_value %s : (tensor<1x2xi1>) -> tensor<1x2xf64>
    %r = blend.multiply %b, %b : (tensor<1x2xf64>, tensor<1x2xf64>) -> tensor<1x2xf64>
    func.return %r : tensor<1x2xf64>
  }
}

// -----

// 12 bits of the input, 8 of them after the point, as sigmoid is flat from 8 on; 0.5 at the middle of the table.
// CHECK-LABEL: builtin.module @sigmoid
// CHECK: %[[I:.*]] = blend.requantize {{.*}} -> tensor<1x2x!blend.fixed<12, 4>>
// CHECK: as tensor<4096x!blend.fixed<16, 1>>
// CHECK: blend.lookup %[[I]], %{{.*}} -> tensor<1x2x!blend.fixed<16, 1>>
builtin.module @sigmoid {
  func.func @main(%x : tensor<1x2xf64>) -> tensor<1x2xf64> {
    %r = blend.activation %x {function = #blend.function sigmoid} : tensor<1x2xf64>
    func.return %r : tensor<1x2xf64>
  }
}

// -----

// n * n * epsilon * 4**f = 9 * 0.5 * 4**11, and n - 1 = 2 deviations: at most sqrt(2) * 1.5 + 1.
// CHECK-LABEL: builtin.module @layer_norm
// CHECK: blend.constant dense<24576> : tensor<3xi16> as tensor<3x!blend.fixed<16, 2>>
// CHECK: blend.fixed_layer_norm {{.*}} {epsilon = 18874368 : i64, axis = 1 : i64} {{.*}} -> tensor<1x3x2x!blend.fixed<16, 3>>
builtin.module @layer_norm {
  func.func @main(%x : tensor<1x3x2xf64>) -> tensor<1x3x2xf64> {
    %g = blend.constant dense<1.5> : tensor<3xf64>
    %b = blend.constant dense<1.0> : tensor<3xf64>
    %r = blend.layer_norm %x, %g, %b {epsilon = 0.5 : f64, axis = 1 : i64} : (tensor<1x3x2xf64>, tensor<3xf64>, tensor<3xf64>) -> tensor<1x3x2xf64>
    func.return %r : tensor<1x3x2xf64>
  }
}
