// RUN: blendir-opt %s --raise-binary | filecheck %s

// CHECK-LABEL: @conv(
// CHECK: %[[W:.*]] = blend.constant dense<false> : tensor<2x2x3x3xi1>
// CHECK: %[[V:.*]] = blend.binary_conv2d %{{.*}}, %[[W]] {{.*}}padding = array<i64: 1, 1>}
// CHECK: blend.constant dense<5.000000e-01>
// CHECK: blend.affine %[[V]]
func.func @conv(%x : tensor<1x2x4x4xi1>) -> tensor<1x2x4x4xf64> {
  %w = blend.constant dense<-0.5> : tensor<2x2x3x3xf64>
  %one = blend.constant dense<1.0> : tensor<2xf64>
  %b = blend.bits_to_value %x : (tensor<1x2x4x4xi1>) -> tensor<1x2x4x4xf64>
  %y = blend.conv2d %b, %w, %one {strides = array<i64: 1, 1>, padding = array<i64: 1, 1>} : (tensor<1x2x4x4xf64>, tensor<2x2x3x3xf64>, tensor<2xf64>) -> tensor<1x2x4x4xf64>
  func.return %y : tensor<1x2x4x4xf64>
}

// CHECK-LABEL: @conv_padded_with_ones(
// CHECK: blend.binary_conv2d {{.*}}pad_mode = #blend<pad_mode plus_one>
func.func @conv_padded_with_ones(%x : tensor<1x2x4x4xi1>) -> tensor<1x2x4x4xf64> {
  %w = blend.constant dense<1.0> : tensor<2x2x3x3xf64>
  %one = blend.constant dense<1.0> : tensor<2xf64>
  %b = blend.bits_to_value %x : (tensor<1x2x4x4xi1>) -> tensor<1x2x4x4xf64>
  %y = blend.conv2d %b, %w, %one, %one {strides = array<i64: 1, 1>, padding = array<i64: 1, 1>} : (tensor<1x2x4x4xf64>, tensor<2x2x3x3xf64>, tensor<2xf64>, tensor<2xf64>) -> tensor<1x2x4x4xf64>
  func.return %y : tensor<1x2x4x4xf64>
}

// CHECK-LABEL: @conv_padded_with_twos(
// CHECK-NOT: = blend.binary_conv2d
// CHECK: blend.conv2d
func.func @conv_padded_with_twos(%x : tensor<1x2x4x4xi1>) -> tensor<1x2x4x4xf64> {
  %w = blend.constant dense<1.0> : tensor<2x2x3x3xf64>
  %two = blend.constant dense<2.0> : tensor<2xf64>
  %b = blend.bits_to_value %x : (tensor<1x2x4x4xi1>) -> tensor<1x2x4x4xf64>
  %y = blend.conv2d %b, %w, %two, %two {strides = array<i64: 1, 1>, padding = array<i64: 1, 1>} : (tensor<1x2x4x4xf64>, tensor<2x2x3x3xf64>, tensor<2xf64>, tensor<2xf64>) -> tensor<1x2x4x4xf64>
  func.return %y : tensor<1x2x4x4xf64>
}

// CHECK-LABEL: @conv_of_scaled_bits(
// CHECK: %[[V:.*]] = blend.binary_conv2d {{.*}}pad_mode = #blend<pad_mode minus_one>
// CHECK: %[[S:.*]] = blend.constant dense<6.000000e+00>
// CHECK: blend.affine %[[V]], %{{.*}}, %[[S]], %{{.*}} {layer = "blend.conv2d.scale"}
func.func @conv_of_scaled_bits(%x : tensor<1x2x4x4xi1>) -> tensor<1x2x4x4xf64> {
  %w = blend.constant dense<3.0> : tensor<2x2x3x3xf64>
  %zero = blend.constant dense<0.0> : tensor<2xf64>
  %two = blend.constant dense<2.0> : tensor<2xf64>
  %pad = blend.constant dense<-2.0> : tensor<2xf64>
  %b = blend.bits_to_value %x : (tensor<1x2x4x4xi1>) -> tensor<1x2x4x4xf64>
  %s = blend.affine %b, %zero, %two, %zero : (tensor<1x2x4x4xf64>, tensor<2xf64>, tensor<2xf64>, tensor<2xf64>) -> tensor<1x2x4x4xf64>
  %y = blend.conv2d %s, %w, %zero, %pad {strides = array<i64: 1, 1>, padding = array<i64: 1, 1>} : (tensor<1x2x4x4xf64>, tensor<2x2x3x3xf64>, tensor<2xf64>, tensor<2xf64>) -> tensor<1x2x4x4xf64>
  func.return %y : tensor<1x2x4x4xf64>
}

// CHECK-LABEL: @linear_of_scaled_bits(
// CHECK: %[[V:.*]] = blend.binary_linear
// CHECK: %[[S:.*]] = blend.constant dense<[2.000000e+00, 6.000000e+00]>
// CHECK: blend.affine %[[V]], %{{.*}}, %[[S]]
func.func @linear_of_scaled_bits(%x : tensor<1x2xi1>) -> tensor<1x2xf64> {
  %w = blend.constant dense<[[1.0, -1.0], [3.0, 3.0]]> : tensor<2x2xf64>
  %zero = blend.constant dense<0.0> : tensor<2xf64>
  %two = blend.constant dense<2.0> : tensor<2xf64>
  %b = blend.bits_to_value %x : (tensor<1x2xi1>) -> tensor<1x2xf64>
  %s = blend.affine %b, %zero, %two, %zero : (tensor<1x2xf64>, tensor<2xf64>, tensor<2xf64>, tensor<2xf64>) -> tensor<1x2xf64>
  %y = blend.linear %s, %w, %zero : (tensor<1x2xf64>, tensor<2x2xf64>, tensor<2xf64>) -> tensor<1x2xf64>
  func.return %y : tensor<1x2xf64>
}

// CHECK-LABEL: @linear_of_bits_that_are_no_multiple_of_one(
// CHECK-NOT: = blend.binary_linear
// CHECK: blend.linear
func.func @linear_of_bits_that_are_no_multiple_of_one(%x : tensor<1x2xi1>) -> tensor<1x2xf64> {
  %w = blend.constant dense<1.0> : tensor<2x2xf64>
  %zero = blend.constant dense<0.0> : tensor<2xf64>
  %scales = blend.constant dense<[1.0, 2.0]> : tensor<2xf64>
  %b = blend.bits_to_value %x : (tensor<1x2xi1>) -> tensor<1x2xf64>
  %s = blend.affine %b, %zero, %scales, %zero : (tensor<1x2xf64>, tensor<2xf64>, tensor<2xf64>, tensor<2xf64>) -> tensor<1x2xf64>
  %y = blend.linear %s, %w, %zero : (tensor<1x2xf64>, tensor<2x2xf64>, tensor<2xf64>) -> tensor<1x2xf64>
  func.return %y : tensor<1x2xf64>
}

// CHECK-LABEL: @linear_of_shifted_bits(
// CHECK-NOT: = blend.binary_linear
// CHECK: blend.linear
func.func @linear_of_shifted_bits(%x : tensor<1x2xi1>) -> tensor<1x2xf64> {
  %w = blend.constant dense<1.0> : tensor<2x2xf64>
  %zero = blend.constant dense<0.0> : tensor<2xf64>
  %two = blend.constant dense<2.0> : tensor<2xf64>
  %b = blend.bits_to_value %x : (tensor<1x2xi1>) -> tensor<1x2xf64>
  %s = blend.affine %b, %zero, %two, %two : (tensor<1x2xf64>, tensor<2xf64>, tensor<2xf64>, tensor<2xf64>) -> tensor<1x2xf64>
  %y = blend.linear %s, %w, %zero : (tensor<1x2xf64>, tensor<2x2xf64>, tensor<2xf64>) -> tensor<1x2xf64>
  func.return %y : tensor<1x2xf64>
}

// CHECK-LABEL: @conv_of_real_weights(
// CHECK-NOT: = blend.binary_conv2d
// CHECK: blend.conv2d
func.func @conv_of_real_weights(%x : tensor<1x2x4x4xi1>) -> tensor<1x2x4x4xf64> {
  %w = blend.constant dense<[[[[1.0]], [[2.0]]], [[[3.0]], [[4.0]]]]> : tensor<2x2x1x1xf64>
  %one = blend.constant dense<1.0> : tensor<2xf64>
  %b = blend.bits_to_value %x : (tensor<1x2x4x4xi1>) -> tensor<1x2x4x4xf64>
  %y = blend.conv2d %b, %w, %one {strides = array<i64: 1, 1>, padding = array<i64: 0, 0>} : (tensor<1x2x4x4xf64>, tensor<2x2x1x1xf64>, tensor<2xf64>) -> tensor<1x2x4x4xf64>
  func.return %y : tensor<1x2x4x4xf64>
}

// CHECK-LABEL: @conv_of_reals(
// CHECK-NOT: = blend.binary_conv2d
// CHECK: blend.conv2d
func.func @conv_of_reals(%x : tensor<1x2x4x4xf64>) -> tensor<1x2x4x4xf64> {
  %w = blend.constant dense<1.0> : tensor<2x2x3x3xf64>
  %one = blend.constant dense<1.0> : tensor<2xf64>
  %y = blend.conv2d %x, %w, %one {strides = array<i64: 1, 1>, padding = array<i64: 1, 1>} : (tensor<1x2x4x4xf64>, tensor<2x2x3x3xf64>, tensor<2xf64>) -> tensor<1x2x4x4xf64>
  func.return %y : tensor<1x2x4x4xf64>
}

// CHECK-LABEL: @linear(
// CHECK: %[[W:.*]] = blend.constant dense<{{\[\[}}true, false], [true, true]]>
// CHECK: %[[V:.*]] = blend.binary_linear %{{.*}}, %[[W]]
// CHECK: blend.affine %[[V]]
func.func @linear(%x : tensor<1x2xi1>) -> tensor<1x2xf64> {
  %w = blend.constant dense<[[1.0, -1.0], [3.0, 3.0]]> : tensor<2x2xf64>
  %one = blend.constant dense<1.0> : tensor<2xf64>
  %b = blend.bits_to_value %x : (tensor<1x2xi1>) -> tensor<1x2xf64>
  %y = blend.linear %b, %w, %one : (tensor<1x2xf64>, tensor<2x2xf64>, tensor<2xf64>) -> tensor<1x2xf64>
  func.return %y : tensor<1x2xf64>
}

// CHECK-LABEL: @linear_of_real_weights(
// CHECK-NOT: = blend.binary_linear
// CHECK: blend.linear
func.func @linear_of_real_weights(%x : tensor<1x2xi1>) -> tensor<1x2xf64> {
  %w = blend.constant dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf64>
  %one = blend.constant dense<1.0> : tensor<2xf64>
  %b = blend.bits_to_value %x : (tensor<1x2xi1>) -> tensor<1x2xf64>
  %y = blend.linear %b, %w, %one : (tensor<1x2xf64>, tensor<2x2xf64>, tensor<2xf64>) -> tensor<1x2xf64>
  func.return %y : tensor<1x2xf64>
}

// CHECK-LABEL: @sign_of_bits(
// CHECK-NOT: = blend.sign
func.func @sign_of_bits(%x : tensor<1x2xi1>) -> tensor<1x2xi1> {
  %b = blend.bits_to_value %x : (tensor<1x2xi1>) -> tensor<1x2xf64>
  %s = blend.sign %b : tensor<1x2xf64> -> tensor<1x2xi1>
  func.return %s : tensor<1x2xi1>
}

// CHECK-LABEL: @threshold_of_bits(
// CHECK-NOT: = blend.threshold
func.func @threshold_of_bits(%x : tensor<1x2xi1>) -> tensor<1x2xi1> {
  %one = blend.constant dense<1.0> : tensor<2xf64>
  %no = blend.constant dense<false> : tensor<2xi1>
  %b = blend.bits_to_value %x : (tensor<1x2xi1>) -> tensor<1x2xf64>
  %s = blend.threshold %b, %one, %no : (tensor<1x2xf64>, tensor<2xf64>, tensor<2xi1>) -> tensor<1x2xi1>
  func.return %s : tensor<1x2xi1>
}

// CHECK-LABEL: @threshold_below_bits(
// CHECK: blend.threshold
func.func @threshold_below_bits(%x : tensor<1x2xi1>) -> tensor<1x2xi1> {
  %neg = blend.constant dense<-1.0> : tensor<2xf64>
  %no = blend.constant dense<false> : tensor<2xi1>
  %b = blend.bits_to_value %x : (tensor<1x2xi1>) -> tensor<1x2xf64>
  %s = blend.threshold %b, %neg, %no : (tensor<1x2xf64>, tensor<2xf64>, tensor<2xi1>) -> tensor<1x2xi1>
  func.return %s : tensor<1x2xi1>
}

// CHECK-LABEL: @inverted_threshold_of_bits(
// CHECK: blend.threshold
func.func @inverted_threshold_of_bits(%x : tensor<1x2xi1>) -> tensor<1x2xi1> {
  %one = blend.constant dense<1.0> : tensor<2xf64>
  %yes = blend.constant dense<true> : tensor<2xi1>
  %b = blend.bits_to_value %x : (tensor<1x2xi1>) -> tensor<1x2xf64>
  %s = blend.threshold %b, %one, %yes : (tensor<1x2xf64>, tensor<2xf64>, tensor<2xi1>) -> tensor<1x2xi1>
  func.return %s : tensor<1x2xi1>
}

// CHECK-LABEL: @move_bits(
// CHECK: blend.max_pool2d {{.*}}xi1>
// CHECK: blend.reshape {{.*}}xi1>
// CHECK: blend.bits_to_value
func.func @move_bits(%x : tensor<1x2x4x4xi1>) -> tensor<1x8xf64> {
  %b = blend.bits_to_value %x : (tensor<1x2x4x4xi1>) -> tensor<1x2x4x4xf64>
  %p = blend.max_pool2d %b {kernel = array<i64: 2, 2>, strides = array<i64: 2, 2>, padding = array<i64: 0, 0>} : (tensor<1x2x4x4xf64>) -> tensor<1x2x2x2xf64>
  %r = blend.reshape %p : (tensor<1x2x2x2xf64>) -> tensor<1x8xf64>
  func.return %r : tensor<1x8xf64>
}

// CHECK-LABEL: @move_scaled_bits(
// CHECK: %[[P:.*]] = blend.max_pool2d {{.*}}xi1>
// CHECK: %[[V:.*]] = blend.bits_to_value %[[P]]
// CHECK: %[[S:.*]] = blend.constant dense<5.000000e-01>
// CHECK: blend.affine %[[V]], %{{.*}}, %[[S]]
func.func @move_scaled_bits(%x : tensor<1x2x4x4xi1>) -> tensor<1x2x2x2xf64> {
  %zero = blend.constant dense<0.0> : tensor<2xf64>
  %half = blend.constant dense<0.5> : tensor<2xf64>
  %b = blend.bits_to_value %x : (tensor<1x2x4x4xi1>) -> tensor<1x2x4x4xf64>
  %s = blend.affine %b, %zero, %half, %zero : (tensor<1x2x4x4xf64>, tensor<2xf64>, tensor<2xf64>, tensor<2xf64>) -> tensor<1x2x4x4xf64>
  %p = blend.max_pool2d %s {kernel = array<i64: 2, 2>, strides = array<i64: 2, 2>, padding = array<i64: 0, 0>} : (tensor<1x2x4x4xf64>) -> tensor<1x2x2x2xf64>
  func.return %p : tensor<1x2x2x2xf64>
}

// CHECK-LABEL: @pool_of_negated_bits(
// CHECK: blend.affine
// CHECK: blend.max_pool2d {{.*}}xf64>
func.func @pool_of_negated_bits(%x : tensor<1x2x4x4xi1>) -> tensor<1x2x2x2xf64> {
  %zero = blend.constant dense<0.0> : tensor<2xf64>
  %neg = blend.constant dense<-1.0> : tensor<2xf64>
  %b = blend.bits_to_value %x : (tensor<1x2x4x4xi1>) -> tensor<1x2x4x4xf64>
  %s = blend.affine %b, %zero, %neg, %zero : (tensor<1x2x4x4xf64>, tensor<2xf64>, tensor<2xf64>, tensor<2xf64>) -> tensor<1x2x4x4xf64>
  %p = blend.max_pool2d %s {kernel = array<i64: 2, 2>, strides = array<i64: 2, 2>, padding = array<i64: 0, 0>} : (tensor<1x2x4x4xf64>) -> tensor<1x2x2x2xf64>
  func.return %p : tensor<1x2x2x2xf64>
}

// CHECK-LABEL: @threshold_of_scaled_bits(
// CHECK-NOT: = blend.threshold
// CHECK: func.return
// CHECK: = blend.threshold
func.func @threshold_of_scaled_bits(%x : tensor<1x2xi1>) -> tensor<1x2xi1> {
  %zero = blend.constant dense<0.0> : tensor<2xf64>
  %two = blend.constant dense<2.0> : tensor<2xf64>
  %no = blend.constant dense<false> : tensor<2xi1>
  %b = blend.bits_to_value %x : (tensor<1x2xi1>) -> tensor<1x2xf64>
  %v = blend.affine %b, %zero, %two, %zero : (tensor<1x2xf64>, tensor<2xf64>, tensor<2xf64>, tensor<2xf64>) -> tensor<1x2xf64>
  %s = blend.threshold %v, %two, %no : (tensor<1x2xf64>, tensor<2xf64>, tensor<2xi1>) -> tensor<1x2xi1>
  func.return %s : tensor<1x2xi1>
}
func.func @threshold_above_scaled_bits(%x : tensor<1x2xi1>) -> tensor<1x2xi1> {
  %zero = blend.constant dense<0.0> : tensor<2xf64>
  %half = blend.constant dense<0.5> : tensor<2xf64>
  %one = blend.constant dense<1.0> : tensor<2xf64>
  %no = blend.constant dense<false> : tensor<2xi1>
  %b = blend.bits_to_value %x : (tensor<1x2xi1>) -> tensor<1x2xf64>
  %v = blend.affine %b, %zero, %half, %zero : (tensor<1x2xf64>, tensor<2xf64>, tensor<2xf64>, tensor<2xf64>) -> tensor<1x2xf64>
  %s = blend.threshold %v, %one, %no : (tensor<1x2xf64>, tensor<2xf64>, tensor<2xi1>) -> tensor<1x2xi1>
  func.return %s : tensor<1x2xi1>
}

// CHECK-LABEL: @transpose_bits(
// CHECK: blend.transpose {{.*}}xi1>
// CHECK: blend.bits_to_value
func.func @transpose_bits(%x : tensor<1x2x3xi1>) -> tensor<1x3x2xf64> {
  %b = blend.bits_to_value %x : (tensor<1x2x3xi1>) -> tensor<1x2x3xf64>
  %t = blend.transpose %b {permutation = array<i64: 0, 2, 1>} : (tensor<1x2x3xf64>) -> tensor<1x3x2xf64>
  func.return %t : tensor<1x3x2xf64>
}

// CHECK-LABEL: @concat_bits(
// CHECK: blend.concat {{.*}}xi1>
// CHECK: blend.bits_to_value
func.func @concat_bits(%x : tensor<1x2xi1>) -> tensor<1x4xf64> {
  %b = blend.bits_to_value %x : (tensor<1x2xi1>) -> tensor<1x2xf64>
  %d = blend.bits_to_value %x : (tensor<1x2xi1>) -> tensor<1x2xf64>
  %t = blend.concat %b, %d : (tensor<1x2xf64>, tensor<1x2xf64>) -> tensor<1x4xf64>
  func.return %t : tensor<1x4xf64>
}

// CHECK-LABEL: @concat_bits_and_reals(
// CHECK: blend.bits_to_value
// CHECK: blend.concat {{.*}}xf64>
func.func @concat_bits_and_reals(%x : tensor<1x2xi1>, %y : tensor<1x2xf64>) -> tensor<1x4xf64> {
  %b = blend.bits_to_value %x : (tensor<1x2xi1>) -> tensor<1x2xf64>
  %t = blend.concat %b, %y : (tensor<1x2xf64>, tensor<1x2xf64>) -> tensor<1x4xf64>
  func.return %t : tensor<1x4xf64>
}

// CHECK-LABEL: @drop_identity(
// CHECK-NOT: = blend.affine
// CHECK: func.return
func.func @drop_identity(%x : tensor<1x2xf64>) -> tensor<1x2xf64> {
  %one = blend.constant dense<1.0> : tensor<2xf64>
  %zero = blend.constant dense<0.0> : tensor<2xf64>
  %a = blend.affine %x, %zero, %one, %zero : (tensor<1x2xf64>, tensor<2xf64>, tensor<2xf64>, tensor<2xf64>) -> tensor<1x2xf64>
  func.return %a : tensor<1x2xf64>
}

// CHECK-LABEL: @keep_affine(
// CHECK: blend.affine
func.func @keep_affine(%x : tensor<1x2xf64>) -> tensor<1x2xf64> {
  %one = blend.constant dense<1.0> : tensor<2xf64>
  %zero = blend.constant dense<0.0> : tensor<2xf64>
  %a = blend.affine %x, %zero, %one, %one : (tensor<1x2xf64>, tensor<2xf64>, tensor<2xf64>, tensor<2xf64>) -> tensor<1x2xf64>
  func.return %a : tensor<1x2xf64>
}
