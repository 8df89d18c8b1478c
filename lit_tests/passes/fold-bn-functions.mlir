// RUN: blendir-opt %s --fold-bn | filecheck %s
// RUN: blendir-opt %s --fold-bn | blendir-opt --fold-bn | filecheck %s

// CHECK-LABEL: @sign_of_gelu(
// CHECK: %[[T:.*]] = blend.constant dense<0.000000e+00> : tensor<2xf64>
// CHECK: blend.threshold %{{.*}}, %[[T]],
// CHECK-NOT: = blend.activation
func.func @sign_of_gelu(%x : tensor<1x2xf64>) -> tensor<1x2xi1> {
  %g = blend.activation %x {function = #blend.function gelu} : tensor<1x2xf64>
  %s = blend.sign %g : tensor<1x2xf64> -> tensor<1x2xi1>
  func.return %s : tensor<1x2xi1>
}

// CHECK-LABEL: @half_of_sigmoid(
// CHECK: %[[T:.*]] = blend.constant dense<2.000000e+00> : tensor<2xf64>
// CHECK: blend.threshold %{{.*}}, %[[T]],
// CHECK-NOT: = blend.activation
func.func @half_of_sigmoid(%x : tensor<1x2xf64>) -> tensor<1x2xi1> {
  %t = blend.constant dense<0.5> : tensor<2xf64>
  %two = blend.constant dense<2.0> : tensor<2xf64>
  %five = blend.constant dense<5.0> : tensor<2xf64>
  %zero = blend.constant dense<0.0> : tensor<2xf64>
  %no = blend.constant dense<false> : tensor<2xi1>
  %a = blend.affine %x, %two, %five, %zero : (tensor<1x2xf64>, tensor<2xf64>, tensor<2xf64>, tensor<2xf64>) -> tensor<1x2xf64>
  %g = blend.activation %a {function = #blend.function sigmoid} : tensor<1x2xf64>
  %s = blend.threshold %g, %t, %no : (tensor<1x2xf64>, tensor<2xf64>, tensor<2xi1>) -> tensor<1x2xi1>
  func.return %s : tensor<1x2xi1>
}

// CHECK-LABEL: @gelu_is_not_monotone_below_zero(
// CHECK: blend.activation
// CHECK: blend.threshold
func.func @gelu_is_not_monotone_below_zero(%x : tensor<1x2xf64>) -> tensor<1x2xi1> {
  %t = blend.constant dense<[0.5, -0.1]> : tensor<2xf64>
  %no = blend.constant dense<false> : tensor<2xi1>
  %g = blend.activation %x {function = #blend.function gelu} : tensor<1x2xf64>
  %s = blend.threshold %g, %t, %no : (tensor<1x2xf64>, tensor<2xf64>, tensor<2xi1>) -> tensor<1x2xi1>
  func.return %s : tensor<1x2xi1>
}

// CHECK-LABEL: @scale_passes_product(
// CHECK: %[[V:.*]] = blend.binary_linear
// CHECK: %[[P:.*]] = blend.multiply %[[V]], %{{.*}} : (tensor<1x2xi32>, tensor<1x2xf64>)
// CHECK: dense<3.000000e+00>
// CHECK: blend.piecewise_linear %[[P]]
func.func @scale_passes_product(%x : tensor<1x2xi1>, %y : tensor<1x2xf64>) -> tensor<1x2xf64> {
  %bw = blend.constant dense<true> : tensor<2x2xi1>
  %three = blend.constant dense<3.0> : tensor<2xf64>
  %zero = blend.constant dense<0.0> : tensor<2xf64>
  %v = blend.binary_linear %x, %bw : (tensor<1x2xi1>, tensor<2x2xi1>) -> tensor<1x2xi32>
  %a = blend.affine %v, %zero, %three, %zero : (tensor<1x2xi32>, tensor<2xf64>, tensor<2xf64>, tensor<2xf64>) -> tensor<1x2xf64>
  %p = blend.multiply %a, %y : (tensor<1x2xf64>, tensor<1x2xf64>) -> tensor<1x2xf64>
  %r = blend.relu %p : tensor<1x2xf64>
  func.return %r : tensor<1x2xf64>
}

// CHECK-LABEL: @offset_stays(
// CHECK: %[[A:.*]] = blend.affine
// CHECK: blend.multiply %[[A]],
func.func @offset_stays(%x : tensor<1x2xf64>, %y : tensor<1x2xf64>) -> tensor<1x2xf64> {
  %three = blend.constant dense<3.0> : tensor<2xf64>
  %zero = blend.constant dense<0.0> : tensor<2xf64>
  %a = blend.affine %x, %zero, %three, %three : (tensor<1x2xf64>, tensor<2xf64>, tensor<2xf64>, tensor<2xf64>) -> tensor<1x2xf64>
  %p = blend.multiply %a, %y : (tensor<1x2xf64>, tensor<1x2xf64>) -> tensor<1x2xf64>
  func.return %p : tensor<1x2xf64>
}
