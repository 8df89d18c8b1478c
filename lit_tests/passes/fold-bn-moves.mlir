// RUN: blendir-opt %s --fold-bn | filecheck %s
// RUN: blendir-opt %s --fold-bn | blendir-opt --fold-bn | filecheck %s

// CHECK-LABEL: @bits_are_made_in_the_order_of_their_use(
// CHECK: %[[T:.*]] = blend.transpose %x
// CHECK: blend.threshold %[[T]], {{.*}}layer = "front", axis = 2
// CHECK-NOT: blend.transpose
func.func @bits_are_made_in_the_order_of_their_use(%x : tensor<1x2x3xf64>) -> tensor<1x3x2xi1> {
  %t = blend.constant dense<[1.0, 2.0]> : tensor<2xf64>
  %no = blend.constant dense<false> : tensor<2xi1>
  %s = blend.threshold %x, %t, %no {layer = "sign"} : (tensor<1x2x3xf64>, tensor<2xf64>, tensor<2xi1>) -> tensor<1x2x3xi1>
  %m = blend.transpose %s {layer = "front", permutation = array<i64: 0, 2, 1>} : (tensor<1x2x3xi1>) -> tensor<1x3x2xi1>
  func.return %m : tensor<1x3x2xi1>
}

// CHECK-LABEL: @a_shared_function_is_not_computed_twice(
// CHECK: blend.piecewise_linear %x
// CHECK: blend.transpose
// CHECK-NOT: blend.piecewise_linear
func.func @a_shared_function_is_not_computed_twice(%x : tensor<1x2x2xf64>) -> tensor<1x2x2xf64> {
  %r = blend.relu %x : tensor<1x2x2xf64>
  %m = blend.transpose %r {permutation = array<i64: 0, 2, 1>} : (tensor<1x2x2xf64>) -> tensor<1x2x2xf64>
  %y = blend.add %r, %m : (tensor<1x2x2xf64>, tensor<1x2x2xf64>) -> tensor<1x2x2xf64>
  func.return %y : tensor<1x2x2xf64>
}

// CHECK-LABEL: @a_reshape_that_keeps_the_channels(
// CHECK: %[[R:.*]] = blend.reshape %x
// CHECK: blend.threshold %[[R]], {{.*}}axis = 3
func.func @a_reshape_that_keeps_the_channels(%x : tensor<1x6x2xf64>) -> tensor<1x2x3x2xi1> {
  %t = blend.constant dense<[1.0, 2.0]> : tensor<2xf64>
  %no = blend.constant dense<false> : tensor<2xi1>
  %s = blend.threshold %x, %t, %no {axis = 2 : i64} : (tensor<1x6x2xf64>, tensor<2xf64>, tensor<2xi1>) -> tensor<1x6x2xi1>
  %m = blend.reshape %s : (tensor<1x6x2xi1>) -> tensor<1x2x3x2xi1>
  func.return %m : tensor<1x2x3x2xi1>
}

// CHECK-LABEL: @a_reshape_that_splits_the_channels(
// CHECK: %[[S:.*]] = blend.threshold %x
// CHECK: blend.reshape %[[S]]
func.func @a_reshape_that_splits_the_channels(%x : tensor<1x6x2xf64>) -> tensor<1x2x3x2xi1> {
  %t = blend.constant dense<1.0> : tensor<6xf64>
  %no = blend.constant dense<false> : tensor<6xi1>
  %s = blend.threshold %x, %t, %no : (tensor<1x6x2xf64>, tensor<6xf64>, tensor<6xi1>) -> tensor<1x6x2xi1>
  %m = blend.reshape %s : (tensor<1x6x2xi1>) -> tensor<1x2x3x2xi1>
  func.return %m : tensor<1x2x3x2xi1>
}

// CHECK-LABEL: @moves_that_cancel(
// CHECK-NEXT: func.return %x
func.func @moves_that_cancel(%x : tensor<1x2x3xf64>) -> tensor<1x2x3xf64> {
  %a = blend.transpose %x {permutation = array<i64: 0, 2, 1>} : (tensor<1x2x3xf64>) -> tensor<1x3x2xf64>
  %b = blend.transpose %a {permutation = array<i64: 0, 2, 1>} : (tensor<1x3x2xf64>) -> tensor<1x2x3xf64>
  func.return %b : tensor<1x2x3xf64>
}

// CHECK-LABEL: @affine_of_a_moved_conv(
// CHECK: %[[W:.*]] = blend.constant dense<{{\[\[\[\[}}2.000000e+00]]], {{\[\[\[}}3.000000e+00]]]]>
// CHECK: %[[C:.*]] = blend.conv2d %x, %[[W]]
// CHECK: %[[R:.*]] = blend.reshape %[[C]]
// CHECK: %[[T:.*]] = blend.transpose %[[R]]
// CHECK-NEXT: func.return %[[T]]
func.func @affine_of_a_moved_conv(%x : tensor<1x1x3x1xf64>) -> tensor<1x3x2xf64> {
  %w = blend.constant dense<1.0> : tensor<2x1x1x1xf64>
  %zero = blend.constant dense<0.0> : tensor<2xf64>
  %s = blend.constant dense<[2.0, 3.0]> : tensor<2xf64>
  %c = blend.conv2d %x, %w, %zero {strides = array<i64: 1, 1>, padding = array<i64: 0, 0>} : (tensor<1x1x3x1xf64>, tensor<2x1x1x1xf64>, tensor<2xf64>) -> tensor<1x2x3x1xf64>
  %r = blend.reshape %c : (tensor<1x2x3x1xf64>) -> tensor<1x2x3xf64>
  %t = blend.transpose %r {permutation = array<i64: 0, 2, 1>} : (tensor<1x2x3xf64>) -> tensor<1x3x2xf64>
  %a = blend.affine %t, %zero, %s, %zero {axis = 2 : i64} : (tensor<1x3x2xf64>, tensor<2xf64>, tensor<2xf64>, tensor<2xf64>) -> tensor<1x3x2xf64>
  func.return %a : tensor<1x3x2xf64>
}

// CHECK-LABEL: @alike_affine_takes_the_axis_of_its_user(
// CHECK-NOT: blend.affine
// CHECK: blend.piecewise_linear %v, {{.*}}axis = 2
func.func @alike_affine_takes_the_axis_of_its_user(%v : tensor<1x2x3xi32>) -> tensor<1x2x3xf64> {
  %zero = blend.constant dense<0.0> : tensor<2xf64>
  %two = blend.constant dense<2.0> : tensor<2xf64>
  %a = blend.affine %v, %zero, %two, %zero : (tensor<1x2x3xi32>, tensor<2xf64>, tensor<2xf64>, tensor<2xf64>) -> tensor<1x2x3xf64>
  %slope = blend.constant dense<[0.1, 0.2, 0.3]> : tensor<3xf64>
  %p = blend.prelu %a, %slope {axis = 2 : i64} : (tensor<1x2x3xf64>, tensor<3xf64>) -> tensor<1x2x3xf64>
  func.return %p : tensor<1x2x3xf64>
}

// CHECK-LABEL: @affine_along_another_axis_stays(
// CHECK: blend.affine %v
// CHECK: blend.piecewise_linear {{.*}}axis = 2
func.func @affine_along_another_axis_stays(%v : tensor<1x2x3xi32>) -> tensor<1x2x3xf64> {
  %zero = blend.constant dense<0.0> : tensor<2xf64>
  %s = blend.constant dense<[2.0, 3.0]> : tensor<2xf64>
  %a = blend.affine %v, %zero, %s, %zero : (tensor<1x2x3xi32>, tensor<2xf64>, tensor<2xf64>, tensor<2xf64>) -> tensor<1x2x3xf64>
  %slope = blend.constant dense<[0.1, 0.2, 0.3]> : tensor<3xf64>
  %p = blend.prelu %a, %slope {axis = 2 : i64} : (tensor<1x2x3xf64>, tensor<3xf64>) -> tensor<1x2x3xf64>
  func.return %p : tensor<1x2x3xf64>
}

// CHECK-LABEL: @alike_threshold_takes_the_axis_of_a_norm(
// CHECK-NOT: blend.batch_norm
// CHECK: blend.constant dense<[1.000000e+00, 2.000000e+00, 3.000000e+00]>
// CHECK: blend.threshold %x, {{.*}}axis = 2
func.func @alike_threshold_takes_the_axis_of_a_norm(%x : tensor<1x2x3xf64>) -> tensor<1x2x3xi1> {
  %one = blend.constant dense<1.0> : tensor<3xf64>
  %zero = blend.constant dense<0.0> : tensor<3xf64>
  %mean = blend.constant dense<[1.0, 2.0, 3.0]> : tensor<3xf64>
  %n = blend.batch_norm %x, %one, %zero, %mean, %one {epsilon = 0.0 : f64, axis = 2 : i64} : (tensor<1x2x3xf64>, tensor<3xf64>, tensor<3xf64>, tensor<3xf64>, tensor<3xf64>) -> tensor<1x2x3xf64>
  %s = blend.sign %n : tensor<1x2x3xf64> -> tensor<1x2x3xi1>
  func.return %s : tensor<1x2x3xi1>
}
