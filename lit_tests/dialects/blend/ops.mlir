// RUN: ROUNDTRIP
// RUN: GENERIC_ROUNDTRIP

// CHECK-LABEL: @relu(
// CHECK-NEXT: blend.relu %{{.*}} {layer = "stem.relu"} : tensor<1x2x4x4xf64>
// CHECK-GENERIC: "blend.relu"(%{{.*}}) {layer = "stem.relu"}
func.func @relu(%x : tensor<1x2x4x4xf64>) {
  %r = blend.relu %x {layer = "stem.relu"} : tensor<1x2x4x4xf64>
  func.return
}

// CHECK-LABEL: @sign(
// CHECK-NEXT: blend.sign %{{.*}} : tensor<1x2x4x4xf64> -> tensor<1x2x4x4xi1>
// CHECK-GENERIC: "blend.sign"(%{{.*}})
func.func @sign(%x : tensor<1x2x4x4xf64>) {
  %r = blend.sign %x : tensor<1x2x4x4xf64> -> tensor<1x2x4x4xi1>
  func.return
}

// CHECK-LABEL: @prelu(
// CHECK-NEXT: blend.prelu %{{.*}}, %{{.*}} {axis = 2 : i64} : (tensor<1x3x2xf64>, tensor<2xf64>) -> tensor<1x3x2xf64>
// CHECK-GENERIC: "blend.prelu"(%{{.*}}, %{{.*}}) <{axis = 2 : i64}>
func.func @prelu(%x : tensor<1x3x2xf64>, %a : tensor<2xf64>) {
  %r = blend.prelu %x, %a {axis = 2 : i64} : (tensor<1x3x2xf64>, tensor<2xf64>) -> tensor<1x3x2xf64>
  func.return
}

// CHECK-LABEL: @batch_norm(
// CHECK-NEXT: blend.batch_norm %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}} {epsilon = 1.000000e-05 : f64} : (tensor<1x2xf64>, tensor<2xf64>, tensor<2xf64>, tensor<2xf64>, tensor<2xf64>) -> tensor<1x2xf64>
// CHECK-GENERIC: "blend.batch_norm"(%{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}) <{epsilon = 1.000000e-05 : f64, axis = 1 : i64}>
func.func @batch_norm(%x : tensor<1x2xf64>, %p : tensor<2xf64>) {
  %r = blend.batch_norm %x, %p, %p, %p, %p {epsilon = 1.000000e-05 : f64} : (tensor<1x2xf64>, tensor<2xf64>, tensor<2xf64>, tensor<2xf64>, tensor<2xf64>) -> tensor<1x2xf64>
  func.return
}

// CHECK-LABEL: @affine(
// CHECK-NEXT: blend.affine %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}} : (tensor<1x2xi32>, tensor<2xf64>, tensor<2xf64>, tensor<2xf64>) -> tensor<1x2xf64>
// CHECK-GENERIC: "blend.affine"(%{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}) <{axis = 1 : i64}>
func.func @affine(%x : tensor<1x2xi32>, %p : tensor<2xf64>) {
  %r = blend.affine %x, %p, %p, %p : (tensor<1x2xi32>, tensor<2xf64>, tensor<2xf64>, tensor<2xf64>) -> tensor<1x2xf64>
  func.return
}

// CHECK-LABEL: @threshold(
// CHECK-NEXT: blend.threshold %{{.*}}, %{{.*}}, %{{.*}} : (tensor<1x2x4xf64>, tensor<2xf64>, tensor<2xi1>) -> tensor<1x2x4xi1>
// CHECK-GENERIC: "blend.threshold"(%{{.*}}, %{{.*}}, %{{.*}}) <{axis = 1 : i64}>
func.func @threshold(%x : tensor<1x2x4xf64>, %t : tensor<2xf64>, %i : tensor<2xi1>) {
  %r = blend.threshold %x, %t, %i : (tensor<1x2x4xf64>, tensor<2xf64>, tensor<2xi1>) -> tensor<1x2x4xi1>
  func.return
}

// CHECK-LABEL: @threshold_words(
// CHECK-NEXT: blend.threshold %{{.*}}, %{{.*}}, %{{.*}} : (tensor<1x50xi32>, tensor<50xi64>, tensor<50xi1>) -> tensor<1x2x!blend.word>
// CHECK-GENERIC: "blend.threshold"(%{{.*}}, %{{.*}}, %{{.*}}) <{axis = 1 : i64}>
func.func @threshold_words(%x : tensor<1x50xi32>, %t : tensor<50xi64>, %i : tensor<50xi1>) {
  %r = blend.threshold %x, %t, %i : (tensor<1x50xi32>, tensor<50xi64>, tensor<50xi1>) -> tensor<1x2x!blend.word>
  func.return
}

// CHECK-LABEL: @piecewise_linear(
// CHECK-NEXT: blend.piecewise_linear %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}} : (tensor<1x2xf64>, tensor<2xf64>, tensor<2xf64>, tensor<2xf64>, tensor<2xf64>, tensor<2xf64>) -> tensor<1x2xf64>
// CHECK-GENERIC: "blend.piecewise_linear"(%{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}) <{axis = 1 : i64, rounding = #blend<rounding half_up>}>
func.func @piecewise_linear(%x : tensor<1x2xf64>, %p : tensor<2xf64>) {
  %r = blend.piecewise_linear %x, %p, %p, %p, %p, %p : (tensor<1x2xf64>, tensor<2xf64>, tensor<2xf64>, tensor<2xf64>, tensor<2xf64>, tensor<2xf64>) -> tensor<1x2xf64>
  func.return
}

// CHECK-LABEL: @piecewise_linear_fixed(
// CHECK-NEXT: blend.piecewise_linear %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}} {rounding = #blend<rounding half_even>} : (tensor<1x2x!blend.fixed<8, 4>>, tensor<2xi64>, tensor<2x!blend.fixed<8, 2>>, tensor<2x!blend.fixed<16, 6>>, tensor<2x!blend.fixed<8, 2>>, tensor<2x!blend.fixed<16, 6>>) -> tensor<1x2x!blend.fixed<8, 4>>
// CHECK-GENERIC: "blend.piecewise_linear"(%{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}) <{rounding = #blend<rounding half_even>, axis = 1 : i64}>
func.func @piecewise_linear_fixed(%x : tensor<1x2x!blend.fixed<8, 4>>, %k : tensor<2xi64>, %a : tensor<2x!blend.fixed<8, 2>>, %b : tensor<2x!blend.fixed<16, 6>>) {
  %r = blend.piecewise_linear %x, %k, %a, %b, %a, %b {rounding = #blend.rounding half_even} : (tensor<1x2x!blend.fixed<8, 4>>, tensor<2xi64>, tensor<2x!blend.fixed<8, 2>>, tensor<2x!blend.fixed<16, 6>>, tensor<2x!blend.fixed<8, 2>>, tensor<2x!blend.fixed<16, 6>>) -> tensor<1x2x!blend.fixed<8, 4>>
  func.return
}

// CHECK-LABEL: @add(
// CHECK-NEXT: blend.add %{{.*}}, %{{.*}} : (tensor<1x2x!blend.fixed<8, 4>>, tensor<1x2x!blend.fixed<8, 4>>) -> tensor<1x2x!blend.fixed<8, 5>>
// CHECK-GENERIC: "blend.add"(%{{.*}}, %{{.*}}) <{rounding = #blend<rounding half_up>}>
func.func @add(%x : tensor<1x2x!blend.fixed<8, 4>>) {
  %r = blend.add %x, %x : (tensor<1x2x!blend.fixed<8, 4>>, tensor<1x2x!blend.fixed<8, 4>>) -> tensor<1x2x!blend.fixed<8, 5>>
  func.return
}

// CHECK-LABEL: @clamp(
// CHECK-NEXT: blend.clamp %{{.*}} {low = 0.000000e+00 : f64, high = 6.000000e+00 : f64} : tensor<1x2xf64>
// CHECK-GENERIC: "blend.clamp"(%{{.*}}) <{low = 0.000000e+00 : f64, high = 6.000000e+00 : f64}>
func.func @clamp(%x : tensor<1x2xf64>) {
  %r = blend.clamp %x {low = 0.000000e+00 : f64, high = 6.000000e+00 : f64} : tensor<1x2xf64>
  func.return
}

// CHECK-LABEL: @clamp_fixed(
// CHECK-NEXT: blend.clamp %{{.*}} {low = 0 : i64, high = 96 : i64} : tensor<1x2x!blend.fixed<8, 4>>
// CHECK-GENERIC: "blend.clamp"(%{{.*}}) <{low = 0 : i64, high = 96 : i64}>
func.func @clamp_fixed(%x : tensor<1x2x!blend.fixed<8, 4>>) {
  %r = blend.clamp %x {low = 0 : i64, high = 96 : i64} : tensor<1x2x!blend.fixed<8, 4>>
  func.return
}

// CHECK-LABEL: @requantize(
// CHECK-NEXT: blend.requantize %{{.*}} : (tensor<1x2xi32>) -> tensor<1x2x!blend.fixed<8, 8>>
// CHECK-GENERIC: "blend.requantize"(%{{.*}}) <{rounding = #blend<rounding half_up>}>
func.func @requantize(%x : tensor<1x2xi32>) {
  %r = blend.requantize %x : (tensor<1x2xi32>) -> tensor<1x2x!blend.fixed<8, 8>>
  func.return
}

// CHECK-LABEL: @bits_to_value(
// CHECK-NEXT: blend.bits_to_value %{{.*}} : (tensor<1x2xi1>) -> tensor<1x2xf64>
// CHECK-GENERIC: "blend.bits_to_value"(%{{.*}})
func.func @bits_to_value(%x : tensor<1x2xi1>) {
  %r = blend.bits_to_value %x : (tensor<1x2xi1>) -> tensor<1x2xf64>
  func.return
}

// CHECK-LABEL: @bits_to_value_words(
// CHECK-NEXT: blend.bits_to_value %{{.*}} {lanes = array<i64: 0, 48>} : (tensor<1x2x!blend.word>) -> tensor<1x2x!blend.fixed<2, 2>>
// CHECK-GENERIC: "blend.bits_to_value"(%{{.*}}) <{lanes = array<i64: 0, 48>}>
func.func @bits_to_value_words(%x : tensor<1x2x!blend.word>) {
  %r = blend.bits_to_value %x {lanes = array<i64: 0, 48>} : (tensor<1x2x!blend.word>) -> tensor<1x2x!blend.fixed<2, 2>>
  func.return
}

// CHECK-LABEL: @reshape(
// CHECK-NEXT: blend.reshape %{{.*}} : (tensor<1x2x3xf64>) -> tensor<1x6xf64>
// CHECK-GENERIC: "blend.reshape"(%{{.*}})
func.func @reshape(%x : tensor<1x2x3xf64>) {
  %r = blend.reshape %x : (tensor<1x2x3xf64>) -> tensor<1x6xf64>
  func.return
}

// CHECK-LABEL: @transpose(
// CHECK-NEXT: blend.transpose %{{.*}} {permutation = array<i64: 0, 2, 1>} : (tensor<1x2x3xi1>) -> tensor<1x3x2xi1>
// CHECK-GENERIC: "blend.transpose"(%{{.*}}) <{permutation = array<i64: 0, 2, 1>}>
func.func @transpose(%x : tensor<1x2x3xi1>) {
  %r = blend.transpose %x {permutation = array<i64: 0, 2, 1>} : (tensor<1x2x3xi1>) -> tensor<1x3x2xi1>
  func.return
}

// CHECK-LABEL: @concat(
// CHECK-NEXT: blend.concat %{{.*}}, %{{.*}} {axis = 2 : i64} : (tensor<1x2x3xf64>, tensor<1x2x3xf64>) -> tensor<1x2x6xf64>
// CHECK-GENERIC: "blend.concat"(%{{.*}}, %{{.*}}) <{axis = 2 : i64}>
func.func @concat(%x : tensor<1x2x3xf64>) {
  %r = blend.concat %x, %x {axis = 2 : i64} : (tensor<1x2x3xf64>, tensor<1x2x3xf64>) -> tensor<1x2x6xf64>
  func.return
}

// CHECK-LABEL: @unsupported(
// CHECK-NEXT: blend.unsupported "aten.erf"(%{{.*}}) {layer = "gelu"} : (tensor<1x2xf64>) -> tensor<1x2xf64>
// CHECK-GENERIC: "blend.unsupported"(%{{.*}}) <{target = "aten.erf"}> {layer = "gelu"}
func.func @unsupported(%x : tensor<1x2xf64>) {
  %r = blend.unsupported "aten.erf"(%x) {layer = "gelu"} : (tensor<1x2xf64>) -> tensor<1x2xf64>
  func.return
}

// CHECK-LABEL: @conv2d(
// CHECK-NEXT: blend.conv2d %{{.*}}, %{{.*}}, %{{.*}} {strides = array<i64: 1, 1>, padding = array<i64: 0, 0>} : (tensor<1x2x4x4xui8>, tensor<3x2x3x3xf64>, tensor<3xf64>) -> tensor<1x3x2x2xf64>
// CHECK-GENERIC: "blend.conv2d"(%{{.*}}, %{{.*}}, %{{.*}}) <{strides = array<i64: 1, 1>, padding = array<i64: 0, 0>}>
func.func @conv2d(%x : tensor<1x2x4x4xui8>, %w : tensor<3x2x3x3xf64>, %b : tensor<3xf64>) {
  %r = blend.conv2d %x, %w, %b {strides = array<i64: 1, 1>, padding = array<i64: 0, 0>} : (tensor<1x2x4x4xui8>, tensor<3x2x3x3xf64>, tensor<3xf64>) -> tensor<1x3x2x2xf64>
  func.return
}

// CHECK-LABEL: @conv2d_of_distant_taps(
// CHECK-NEXT: blend.conv2d %{{.*}}, %{{.*}}, %{{.*}} {strides = array<i64: 1, 1>, padding = array<i64: 1, 0, 2, 1>, dilation = array<i64: 2, 1>} : (tensor<1x2x4x4xui8>, tensor<3x2x3x3xf64>, tensor<3xf64>) -> tensor<1x3x3x3xf64>
func.func @conv2d_of_distant_taps(%x : tensor<1x2x4x4xui8>, %w : tensor<3x2x3x3xf64>, %b : tensor<3xf64>) {
  %r = blend.conv2d %x, %w, %b {strides = array<i64: 1, 1>, padding = array<i64: 1, 0, 2, 1>, dilation = array<i64: 2, 1>} : (tensor<1x2x4x4xui8>, tensor<3x2x3x3xf64>, tensor<3xf64>) -> tensor<1x3x3x3xf64>
  func.return
}

// CHECK-LABEL: @conv2d_pad_and_border_map(
// CHECK-NEXT: blend.conv2d %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}} {strides = array<i64: 2, 2>, padding = array<i64: 1, 1>} : (tensor<1x2x4x4xf64>, tensor<3x2x3x3xf64>, tensor<3x2x2xf64>, tensor<2xf64>) -> tensor<1x3x2x2xf64>
// CHECK-GENERIC: "blend.conv2d"(%{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}) <{strides = array<i64: 2, 2>, padding = array<i64: 1, 1>}>
func.func @conv2d_pad_and_border_map(%x : tensor<1x2x4x4xf64>, %w : tensor<3x2x3x3xf64>, %b : tensor<3x2x2xf64>, %p : tensor<2xf64>) {
  %r = blend.conv2d %x, %w, %b, %p {strides = array<i64: 2, 2>, padding = array<i64: 1, 1>} : (tensor<1x2x4x4xf64>, tensor<3x2x3x3xf64>, tensor<3x2x2xf64>, tensor<2xf64>) -> tensor<1x3x2x2xf64>
  func.return
}

// CHECK-LABEL: @fixed_conv2d(
// CHECK-NEXT: blend.fixed_conv2d %{{.*}}, %{{.*}}, %{{.*}} {strides = array<i64: 1, 1>, padding = array<i64: 0, 0>} : (tensor<1x2x4x4xui8>, tensor<3x2x1x1x!blend.fixed<8, 2>>, tensor<3x!blend.fixed<16, 10>>) -> tensor<1x3x4x4x!blend.fixed<16, 8>>
// CHECK-GENERIC: "blend.fixed_conv2d"(%{{.*}}, %{{.*}}, %{{.*}}) <{strides = array<i64: 1, 1>, padding = array<i64: 0, 0>, rounding = #blend<rounding half_up>}>
func.func @fixed_conv2d(%x : tensor<1x2x4x4xui8>, %w : tensor<3x2x1x1x!blend.fixed<8, 2>>, %b : tensor<3x!blend.fixed<16, 10>>) {
  %r = blend.fixed_conv2d %x, %w, %b {strides = array<i64: 1, 1>, padding = array<i64: 0, 0>} : (tensor<1x2x4x4xui8>, tensor<3x2x1x1x!blend.fixed<8, 2>>, tensor<3x!blend.fixed<16, 10>>) -> tensor<1x3x4x4x!blend.fixed<16, 8>>
  func.return
}

// CHECK-LABEL: @binary_conv2d(
// CHECK-NEXT: blend.binary_conv2d %{{.*}}, %{{.*}} {strides = array<i64: 1, 1>, padding = array<i64: 1, 1>, pad_mode = #blend<pad_mode plus_one>} : (tensor<1x2x4x4xi1>, tensor<3x2x3x3xi1>) -> tensor<1x3x4x4xi32>
// CHECK-GENERIC: "blend.binary_conv2d"(%{{.*}}, %{{.*}}) <{strides = array<i64: 1, 1>, padding = array<i64: 1, 1>, pad_mode = #blend<pad_mode plus_one>}>
func.func @binary_conv2d(%x : tensor<1x2x4x4xi1>, %w : tensor<3x2x3x3xi1>) {
  %r = blend.binary_conv2d %x, %w {strides = array<i64: 1, 1>, padding = array<i64: 1, 1>, pad_mode = #blend.pad_mode plus_one} : (tensor<1x2x4x4xi1>, tensor<3x2x3x3xi1>) -> tensor<1x3x4x4xi32>
  func.return
}

// CHECK-LABEL: @packed_binary_conv2d(
// CHECK-NEXT: blend.packed_binary_conv2d %{{.*}}, %{{.*}} {channels = 50 : i64, strides = array<i64: 1, 1>, padding = array<i64: 1, 1>} : (tensor<1x2x4x4x!blend.word>, tensor<3x2x3x3x!blend.word>) -> tensor<1x3x4x4xi32>
// CHECK-GENERIC: "blend.packed_binary_conv2d"(%{{.*}}, %{{.*}}) <{channels = 50 : i64, strides = array<i64: 1, 1>, padding = array<i64: 1, 1>, pad_mode = #blend<pad_mode zero_exact>}>
func.func @packed_binary_conv2d(%x : tensor<1x2x4x4x!blend.word>, %w : tensor<3x2x3x3x!blend.word>) {
  %r = blend.packed_binary_conv2d %x, %w {channels = 50 : i64, strides = array<i64: 1, 1>, padding = array<i64: 1, 1>} : (tensor<1x2x4x4x!blend.word>, tensor<3x2x3x3x!blend.word>) -> tensor<1x3x4x4xi32>
  func.return
}

// CHECK-LABEL: @linear(
// CHECK-NEXT: blend.linear %{{.*}}, %{{.*}}, %{{.*}} : (tensor<1x2xf64>, tensor<3x2xf64>, tensor<3xf64>) -> tensor<1x3xf64>
// CHECK-GENERIC: "blend.linear"(%{{.*}}, %{{.*}}, %{{.*}})
func.func @linear(%x : tensor<1x2xf64>, %w : tensor<3x2xf64>, %b : tensor<3xf64>) {
  %r = blend.linear %x, %w, %b : (tensor<1x2xf64>, tensor<3x2xf64>, tensor<3xf64>) -> tensor<1x3xf64>
  func.return
}

// CHECK-LABEL: @fixed_linear(
// CHECK-NEXT: blend.fixed_linear %{{.*}}, %{{.*}}, %{{.*}} {rounding = #blend<rounding half_even>} : (tensor<1x2x!blend.fixed<8, 4>>, tensor<3x2x!blend.fixed<8, 2>>, tensor<3x!blend.fixed<16, 6>>) -> tensor<1x3x!blend.fixed<16, 8>>
// CHECK-GENERIC: "blend.fixed_linear"(%{{.*}}, %{{.*}}, %{{.*}}) <{rounding = #blend<rounding half_even>}>
func.func @fixed_linear(%x : tensor<1x2x!blend.fixed<8, 4>>, %w : tensor<3x2x!blend.fixed<8, 2>>, %b : tensor<3x!blend.fixed<16, 6>>) {
  %r = blend.fixed_linear %x, %w, %b {rounding = #blend.rounding half_even} : (tensor<1x2x!blend.fixed<8, 4>>, tensor<3x2x!blend.fixed<8, 2>>, tensor<3x!blend.fixed<16, 6>>) -> tensor<1x3x!blend.fixed<16, 8>>
  func.return
}

// CHECK-LABEL: @binary_linear(
// CHECK-NEXT: blend.binary_linear %{{.*}}, %{{.*}} : (tensor<1x2xi1>, tensor<3x2xi1>) -> tensor<1x3xi32>
// CHECK-GENERIC: "blend.binary_linear"(%{{.*}}, %{{.*}})
func.func @binary_linear(%x : tensor<1x2xi1>, %w : tensor<3x2xi1>) {
  %r = blend.binary_linear %x, %w : (tensor<1x2xi1>, tensor<3x2xi1>) -> tensor<1x3xi32>
  func.return
}

// CHECK-LABEL: @packed_binary_linear(
// CHECK-NEXT: blend.packed_binary_linear %{{.*}}, %{{.*}} {channels = 96 : i64} : (tensor<1x2x!blend.word>, tensor<3x2x!blend.word>) -> tensor<1x3xi32>
// CHECK-GENERIC: "blend.packed_binary_linear"(%{{.*}}, %{{.*}}) <{channels = 96 : i64}>
func.func @packed_binary_linear(%x : tensor<1x2x!blend.word>, %w : tensor<3x2x!blend.word>) {
  %r = blend.packed_binary_linear %x, %w {channels = 96 : i64} : (tensor<1x2x!blend.word>, tensor<3x2x!blend.word>) -> tensor<1x3xi32>
  func.return
}

// CHECK-LABEL: @avg_pool2d(
// CHECK-NEXT: blend.avg_pool2d %{{.*}} {kernel = array<i64: 2, 2>, strides = array<i64: 2, 2>, padding = array<i64: 0, 0>, divisor = 4 : i64} : (tensor<1x2x4x4x!blend.fixed<8, 4>>) -> tensor<1x2x2x2x!blend.fixed<10, 4>>
// CHECK-GENERIC: "blend.avg_pool2d"(%{{.*}}) <{kernel = array<i64: 2, 2>, strides = array<i64: 2, 2>, padding = array<i64: 0, 0>, divisor = 4 : i64}>
func.func @avg_pool2d(%x : tensor<1x2x4x4x!blend.fixed<8, 4>>) {
  %r = blend.avg_pool2d %x {kernel = array<i64: 2, 2>, strides = array<i64: 2, 2>, padding = array<i64: 0, 0>, divisor = 4 : i64} : (tensor<1x2x4x4x!blend.fixed<8, 4>>) -> tensor<1x2x2x2x!blend.fixed<10, 4>>
  func.return
}

// CHECK-LABEL: @max_pool2d(
// CHECK-NEXT: blend.max_pool2d %{{.*}} {kernel = array<i64: 3, 3>, strides = array<i64: 2, 2>, padding = array<i64: 1, 1>} : (tensor<1x2x4x4xi1>) -> tensor<1x2x2x2xi1>
// CHECK-GENERIC: "blend.max_pool2d"(%{{.*}}) <{kernel = array<i64: 3, 3>, strides = array<i64: 2, 2>, padding = array<i64: 1, 1>}>
func.func @max_pool2d(%x : tensor<1x2x4x4xi1>) {
  %r = blend.max_pool2d %x {kernel = array<i64: 3, 3>, strides = array<i64: 2, 2>, padding = array<i64: 1, 1>} : (tensor<1x2x4x4xi1>) -> tensor<1x2x2x2xi1>
  func.return
}

// CHECK-LABEL: @requantize_of_floats(
// CHECK-NEXT: blend.requantize %{{.*}} {rounding = #blend<rounding half_even>} : (tensor<1x2xf64>) -> tensor<1x2x!blend.fixed<8, 8>>
func.func @requantize_of_floats(%x : tensor<1x2xf64>) {
  %r = blend.requantize %x {rounding = #blend.rounding half_even} : (tensor<1x2xf64>) -> tensor<1x2x!blend.fixed<8, 8>>
  func.return
}
