// RUN: ROUNDTRIP
// RUN: GENERIC_ROUNDTRIP

// CHECK-LABEL: @multiply(
// CHECK-NEXT: blend.multiply %{{.*}}, %{{.*}} : (tensor<1x2x4x4xi32>, tensor<1x2x4x4xf64>) -> tensor<1x2x4x4xf64>
// CHECK-GENERIC: "blend.multiply"(%{{.*}}, %{{.*}}) <{rounding = #blend<rounding half_up>}>
func.func @multiply(%x : tensor<1x2x4x4xi32>, %y : tensor<1x2x4x4xf64>) {
  %r = blend.multiply %x, %y : (tensor<1x2x4x4xi32>, tensor<1x2x4x4xf64>) -> tensor<1x2x4x4xf64>
  func.return
}

// CHECK-LABEL: @gate(
// CHECK-NEXT: blend.multiply %{{.*}}, %{{.*}} {rounding = #blend<rounding half_even>} : (tensor<1x2x4x4xui8>, tensor<1x2x1x1x!blend.fixed<8, 1>>) -> tensor<1x2x4x4x!blend.fixed<9, 9>>
// CHECK-GENERIC: "blend.multiply"(%{{.*}}, %{{.*}}) <{rounding = #blend<rounding half_even>}>
func.func @gate(%x : tensor<1x2x4x4xui8>, %y : tensor<1x2x1x1x!blend.fixed<8, 1>>) {
  %r = blend.multiply %x, %y {rounding = #blend.rounding half_even} : (tensor<1x2x4x4xui8>, tensor<1x2x1x1x!blend.fixed<8, 1>>) -> tensor<1x2x4x4x!blend.fixed<9, 9>>
  func.return
}

// CHECK-LABEL: @layer_norm(
// CHECK-NEXT: blend.layer_norm %{{.*}}, %{{.*}}, %{{.*}} {epsilon = 1.000000e-05 : f64, axis = 2 : i64} : (tensor<1x3x2xf64>, tensor<2xf64>, tensor<2xf64>) -> tensor<1x3x2xf64>
// CHECK-GENERIC: "blend.layer_norm"(%{{.*}}, %{{.*}}, %{{.*}}) <{epsilon = 1.000000e-05 : f64, axis = 2 : i64}>
func.func @layer_norm(%x : tensor<1x3x2xf64>, %p : tensor<2xf64>) {
  %r = blend.layer_norm %x, %p, %p {epsilon = 1.000000e-05 : f64, axis = 2 : i64} : (tensor<1x3x2xf64>, tensor<2xf64>, tensor<2xf64>) -> tensor<1x3x2xf64>
  func.return
}

// CHECK-LABEL: @fixed_layer_norm(
// CHECK-NEXT: blend.fixed_layer_norm %{{.*}}, %{{.*}}, %{{.*}} {epsilon = 7 : i64, axis = 1 : i64} : (tensor<1x3x2x!blend.fixed<16, 4>>, tensor<3x!blend.fixed<8, 2>>, tensor<3x!blend.fixed<30, 8>>) -> tensor<1x3x2x!blend.fixed<16, 5>>
// CHECK-GENERIC: "blend.fixed_layer_norm"(%{{.*}}, %{{.*}}, %{{.*}}) <{epsilon = 7 : i64, axis = 1 : i64, rounding = #blend<rounding half_up>}>
func.func @fixed_layer_norm(%x : tensor<1x3x2x!blend.fixed<16, 4>>, %g : tensor<3x!blend.fixed<8, 2>>, %b : tensor<3x!blend.fixed<30, 8>>) {
  %r = blend.fixed_layer_norm %x, %g, %b {epsilon = 7 : i64, axis = 1 : i64} : (tensor<1x3x2x!blend.fixed<16, 4>>, tensor<3x!blend.fixed<8, 2>>, tensor<3x!blend.fixed<30, 8>>) -> tensor<1x3x2x!blend.fixed<16, 5>>
  func.return
}

// CHECK-LABEL: @activation(
// CHECK-NEXT: blend.activation %{{.*}} {function = #blend<function gelu_tanh>} : tensor<1x2xf64>
// CHECK-GENERIC: "blend.activation"(%{{.*}}) <{function = #blend<function gelu_tanh>}>
func.func @activation(%x : tensor<1x2xf64>) {
  %r = blend.activation %x {function = #blend.function gelu_tanh} : tensor<1x2xf64>
  func.return
}

// CHECK-LABEL: @lookup(
// CHECK-NEXT: blend.lookup %{{.*}}, %{{.*}} : (tensor<1x2x!blend.fixed<3, 1>>, tensor<8x!blend.fixed<6, 2>>) -> tensor<1x2x!blend.fixed<6, 2>>
// CHECK-GENERIC: "blend.lookup"(%{{.*}}, %{{.*}})
func.func @lookup(%x : tensor<1x2x!blend.fixed<3, 1>>, %t : tensor<8x!blend.fixed<6, 2>>) {
  %r = blend.lookup %x, %t : (tensor<1x2x!blend.fixed<3, 1>>, tensor<8x!blend.fixed<6, 2>>) -> tensor<1x2x!blend.fixed<6, 2>>
  func.return
}

// CHECK-LABEL: @argmax(
// CHECK-NEXT: blend.argmax %{{.*}} {axis = 1 : i64} : (tensor<1x5x2x3xf64>) -> tensor<1x1x2x3xf64>
// CHECK-NEXT: blend.argmax %{{.*}} {axis = 2 : i64} : (tensor<1x3x4xsi8>) -> tensor<1x3x1x!blend.fixed<3, 3>>
// CHECK-GENERIC: "blend.argmax"(%{{.*}}) <{axis = 1 : i64}>
func.func @argmax(%x : tensor<1x5x2x3xf64>, %y : tensor<1x3x4xsi8>) {
  %r = blend.argmax %x {axis = 1 : i64} : (tensor<1x5x2x3xf64>) -> tensor<1x1x2x3xf64>
  %s = blend.argmax %y {axis = 2 : i64} : (tensor<1x3x4xsi8>) -> tensor<1x3x1x!blend.fixed<3, 3>>
  func.return
}
