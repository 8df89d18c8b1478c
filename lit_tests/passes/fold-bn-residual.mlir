// RUN: blendir-opt %s -p 'fold-bn{residual=renormalize}' | filecheck %s --check-prefixes=CHECK,R
// RUN: blendir-opt %s -p 'fold-bn{residual=affine}' | filecheck %s --check-prefixes=CHECK,C

// CHECK-LABEL: @add_of_affine(
// R-NOT: = blend.affine
// R: %[[S:.*]] = blend.add
// R: blend.affine %[[S]]
// C: %[[A:.*]] = blend.affine
// C: blend.add %[[A]]
// C-NOT: = blend.affine
func.func @add_of_affine(%x : tensor<1x2x4x4xf64>) -> tensor<1x2x4x4xf64> {
  %w = blend.constant dense<1.0> : tensor<2x2x3x3xf64>
  %one = blend.constant dense<1.0> : tensor<2xf64>
  %two = blend.constant dense<2.0> : tensor<2xf64>
  %zero = blend.constant dense<0.0> : tensor<2xf64>
  %a = blend.affine %x, %one, %two, %one : (tensor<1x2x4x4xf64>, tensor<2xf64>, tensor<2xf64>, tensor<2xf64>) -> tensor<1x2x4x4xf64>
  %y = blend.conv2d %x, %w, %zero {strides = array<i64: 1, 1>, padding = array<i64: 1, 1>} : (tensor<1x2x4x4xf64>, tensor<2x2x3x3xf64>, tensor<2xf64>) -> tensor<1x2x4x4xf64>
  %s = blend.add %a, %y : (tensor<1x2x4x4xf64>, tensor<1x2x4x4xf64>) -> tensor<1x2x4x4xf64>
  func.return %s : tensor<1x2x4x4xf64>
}

// CHECK-LABEL: @add_of_falling_affine(
// CHECK: %[[A:.*]] = blend.affine
// CHECK: blend.add %[[A]]
// CHECK-NOT: = blend.affine
func.func @add_of_falling_affine(%x : tensor<1x2x4x4xf64>) -> tensor<1x2x4x4xf64> {
  %w = blend.constant dense<1.0> : tensor<2x2x3x3xf64>
  %one = blend.constant dense<1.0> : tensor<2xf64>
  %neg = blend.constant dense<-1.0> : tensor<2xf64>
  %zero = blend.constant dense<0.0> : tensor<2xf64>
  %a = blend.affine %x, %one, %neg, %one : (tensor<1x2x4x4xf64>, tensor<2xf64>, tensor<2xf64>, tensor<2xf64>) -> tensor<1x2x4x4xf64>
  %y = blend.conv2d %x, %w, %zero {strides = array<i64: 1, 1>, padding = array<i64: 1, 1>} : (tensor<1x2x4x4xf64>, tensor<2x2x3x3xf64>, tensor<2xf64>) -> tensor<1x2x4x4xf64>
  %s = blend.add %a, %y : (tensor<1x2x4x4xf64>, tensor<1x2x4x4xf64>) -> tensor<1x2x4x4xf64>
  func.return %s : tensor<1x2x4x4xf64>
}

// CHECK-LABEL: @add_of_affine_and_input(
// CHECK: %[[A:.*]] = blend.affine
// CHECK: blend.add %[[A]]
// CHECK-NOT: = blend.affine
func.func @add_of_affine_and_input(%x : tensor<1x2x4x4xf64>) -> tensor<1x2x4x4xf64> {
  %one = blend.constant dense<1.0> : tensor<2xf64>
  %two = blend.constant dense<2.0> : tensor<2xf64>
  %a = blend.affine %x, %one, %two, %one : (tensor<1x2x4x4xf64>, tensor<2xf64>, tensor<2xf64>, tensor<2xf64>) -> tensor<1x2x4x4xf64>
  %s = blend.add %a, %x : (tensor<1x2x4x4xf64>, tensor<1x2x4x4xf64>) -> tensor<1x2x4x4xf64>
  func.return %s : tensor<1x2x4x4xf64>
}
