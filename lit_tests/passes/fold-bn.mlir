// RUN: blendir-opt %s --fold-bn | filecheck %s
// RUN: blendir-opt %s --fold-bn | blendir-opt --fold-bn | filecheck %s

// CHECK-LABEL: @sign_is_threshold(
// CHECK: %[[T:.*]] = blend.constant dense<0.000000e+00>
// CHECK: blend.threshold %{{.*}}, %[[T]],
func.func @sign_is_threshold(%x : tensor<1x2xf64>) -> tensor<1x2xi1> {
  %s = blend.sign %x : tensor<1x2xf64> -> tensor<1x2xi1>
  func.return %s : tensor<1x2xi1>
}

// CHECK-LABEL: @threshold_of_batch_norm_at_a_tie(
// CHECK: %[[V:.*]] = blend.binary_linear
// CHECK: %[[T:.*]] = blend.constant dense<1> : tensor<2xi64>
// CHECK: blend.threshold %[[V]], %[[T]],
func.func @threshold_of_batch_norm_at_a_tie(%x : tensor<1x2xi1>) -> tensor<1x2xi1> {
  %bw = blend.constant dense<true> : tensor<2x2xi1>
  %one = blend.constant dense<1.0> : tensor<2xf64>
  %zero = blend.constant dense<0.0> : tensor<2xf64>
  %v = blend.binary_linear %x, %bw : (tensor<1x2xi1>, tensor<2x2xi1>) -> tensor<1x2xi32>
  %a = blend.affine %v, %zero, %one, %zero : (tensor<1x2xi32>, tensor<2xf64>, tensor<2xf64>, tensor<2xf64>) -> tensor<1x2xf64>
  %n = blend.batch_norm %a, %one, %zero, %one, %one {epsilon = 0.0 : f64} : (tensor<1x2xf64>, tensor<2xf64>, tensor<2xf64>, tensor<2xf64>, tensor<2xf64>) -> tensor<1x2xf64>
  %s = blend.sign %n : tensor<1x2xf64> -> tensor<1x2xi1>
  func.return %s : tensor<1x2xi1>
}

// CHECK-LABEL: @threshold_of_batch_norm_where_floats_miss_the_tie(
// CHECK: %[[T:.*]] = blend.constant dense<2> : tensor<2xi64>
// CHECK: blend.threshold %{{.*}}, %[[T]],
func.func @threshold_of_batch_norm_where_floats_miss_the_tie(%x : tensor<1x2xi1>) -> tensor<1x2xi1> {
  %bw = blend.constant dense<true> : tensor<2x2xi1>
  %one = blend.constant dense<1.0> : tensor<2xf64>
  %zero = blend.constant dense<0.0> : tensor<2xf64>
  %neg = blend.constant dense<-1.0> : tensor<2xf64>
  %nine = blend.constant dense<9.0> : tensor<2xf64>
  %v = blend.binary_linear %x, %bw : (tensor<1x2xi1>, tensor<2x2xi1>) -> tensor<1x2xi32>
  %a = blend.affine %v, %zero, %one, %zero : (tensor<1x2xi32>, tensor<2xf64>, tensor<2xf64>, tensor<2xf64>) -> tensor<1x2xf64>
  %n = blend.batch_norm %a, %one, %neg, %neg, %nine {epsilon = 0.0 : f64} : (tensor<1x2xf64>, tensor<2xf64>, tensor<2xf64>, tensor<2xf64>, tensor<2xf64>) -> tensor<1x2xf64>
  %s = blend.sign %n : tensor<1x2xf64> -> tensor<1x2xi1>
  func.return %s : tensor<1x2xi1>
}

// CHECK-LABEL: @threshold_of_batch_norm_inverts(
// CHECK: %[[T:.*]] = blend.constant dense<2> : tensor<2xi64>
// CHECK: %[[I:.*]] = blend.constant dense<true>
// CHECK: blend.threshold %{{.*}}, %[[T]], %[[I]]
func.func @threshold_of_batch_norm_inverts(%x : tensor<1x2xi1>) -> tensor<1x2xi1> {
  %bw = blend.constant dense<true> : tensor<2x2xi1>
  %one = blend.constant dense<1.0> : tensor<2xf64>
  %zero = blend.constant dense<0.0> : tensor<2xf64>
  %neg = blend.constant dense<-1.0> : tensor<2xf64>
  %v = blend.binary_linear %x, %bw : (tensor<1x2xi1>, tensor<2x2xi1>) -> tensor<1x2xi32>
  %a = blend.affine %v, %zero, %one, %zero : (tensor<1x2xi32>, tensor<2xf64>, tensor<2xf64>, tensor<2xf64>) -> tensor<1x2xf64>
  %n = blend.batch_norm %a, %neg, %zero, %one, %one {epsilon = 0.0 : f64} : (tensor<1x2xf64>, tensor<2xf64>, tensor<2xf64>, tensor<2xf64>, tensor<2xf64>) -> tensor<1x2xf64>
  %s = blend.sign %n : tensor<1x2xf64> -> tensor<1x2xi1>
  func.return %s : tensor<1x2xi1>
}

// CHECK-LABEL: @threshold_of_batch_norm_is_constant(
// CHECK: blend.constant dense<-2> : tensor<2xi64>
// CHECK: blend.threshold
func.func @threshold_of_batch_norm_is_constant(%x : tensor<1x2xi1>) -> tensor<1x2xi1> {
  %bw = blend.constant dense<true> : tensor<2x2xi1>
  %one = blend.constant dense<1.0> : tensor<2xf64>
  %zero = blend.constant dense<0.0> : tensor<2xf64>
  %v = blend.binary_linear %x, %bw : (tensor<1x2xi1>, tensor<2x2xi1>) -> tensor<1x2xi32>
  %a = blend.affine %v, %zero, %one, %zero : (tensor<1x2xi32>, tensor<2xf64>, tensor<2xf64>, tensor<2xf64>) -> tensor<1x2xf64>
  %n = blend.batch_norm %a, %zero, %zero, %one, %one {epsilon = 0.0 : f64} : (tensor<1x2xf64>, tensor<2xf64>, tensor<2xf64>, tensor<2xf64>, tensor<2xf64>) -> tensor<1x2xf64>
  %s = blend.sign %n : tensor<1x2xf64> -> tensor<1x2xi1>
  func.return %s : tensor<1x2xi1>
}

// CHECK-LABEL: @batch_norm_is_affine(
// CHECK-NOT: = blend.batch_norm
// CHECK: blend.affine
func.func @batch_norm_is_affine(%x : tensor<1x2xf64>) -> tensor<1x2xf64> {
  %one = blend.constant dense<1.0> : tensor<2xf64>
  %half = blend.constant dense<0.5> : tensor<2xf64>
  %n = blend.batch_norm %x, %half, %half, %one, %one {epsilon = 0.0 : f64} : (tensor<1x2xf64>, tensor<2xf64>, tensor<2xf64>, tensor<2xf64>, tensor<2xf64>) -> tensor<1x2xf64>
  func.return %n : tensor<1x2xf64>
}

// CHECK-LABEL: @relu_is_pieces(
// CHECK-NOT: = blend.relu
// CHECK: blend.piecewise_linear
func.func @relu_is_pieces(%x : tensor<1x2xf64>) -> tensor<1x2xf64> {
  %r = blend.relu %x : tensor<1x2xf64>
  func.return %r : tensor<1x2xf64>
}

// CHECK-LABEL: @prelu_is_pieces(
// CHECK-NOT: = blend.prelu
// CHECK: blend.constant dense<5.000000e-01>
// CHECK: blend.piecewise_linear
func.func @prelu_is_pieces(%x : tensor<1x2xf64>) -> tensor<1x2xf64> {
  %half = blend.constant dense<0.5> : tensor<2xf64>
  %r = blend.prelu %x, %half : (tensor<1x2xf64>, tensor<2xf64>) -> tensor<1x2xf64>
  func.return %r : tensor<1x2xf64>
}

// CHECK-LABEL: @affine_of_affine(
// CHECK: blend.constant dense<4.000000e+00>
// CHECK: blend.affine
// CHECK-NOT: = blend.affine
func.func @affine_of_affine(%x : tensor<1x2xf64>) -> tensor<1x2xf64> {
  %one = blend.constant dense<1.0> : tensor<2xf64>
  %two = blend.constant dense<2.0> : tensor<2xf64>
  %a = blend.affine %x, %one, %two, %one : (tensor<1x2xf64>, tensor<2xf64>, tensor<2xf64>, tensor<2xf64>) -> tensor<1x2xf64>
  %b = blend.affine %a, %one, %two, %one : (tensor<1x2xf64>, tensor<2xf64>, tensor<2xf64>, tensor<2xf64>) -> tensor<1x2xf64>
  func.return %b : tensor<1x2xf64>
}

// CHECK-LABEL: @affine_of_affine_on_other_axes(
// CHECK: blend.affine
// CHECK: blend.affine {{.*}}axis = 2
func.func @affine_of_affine_on_other_axes(%x : tensor<1x2x2xf64>) -> tensor<1x2x2xf64> {
  %one = blend.constant dense<1.0> : tensor<2xf64>
  %two = blend.constant dense<[2.0, 3.0]> : tensor<2xf64>
  %a = blend.affine %x, %one, %two, %one : (tensor<1x2x2xf64>, tensor<2xf64>, tensor<2xf64>, tensor<2xf64>) -> tensor<1x2x2xf64>
  %b = blend.affine %a, %one, %two, %one {axis = 2 : i64} : (tensor<1x2x2xf64>, tensor<2xf64>, tensor<2xf64>, tensor<2xf64>) -> tensor<1x2x2xf64>
  func.return %b : tensor<1x2x2xf64>
}

// CHECK-LABEL: @affine_of_pieces(
// CHECK-NOT: = blend.affine
// CHECK: blend.piecewise_linear
// CHECK-NOT: = blend.affine
func.func @affine_of_pieces(%x : tensor<1x2xf64>) -> tensor<1x2xf64> {
  %zero = blend.constant dense<0.0> : tensor<2xf64>
  %one = blend.constant dense<1.0> : tensor<2xf64>
  %two = blend.constant dense<2.0> : tensor<2xf64>
  %half = blend.constant dense<0.5> : tensor<2xf64>
  %p = blend.piecewise_linear %x, %zero, %half, %zero, %one, %zero : (tensor<1x2xf64>, tensor<2xf64>, tensor<2xf64>, tensor<2xf64>, tensor<2xf64>, tensor<2xf64>) -> tensor<1x2xf64>
  %a = blend.affine %p, %zero, %two, %one : (tensor<1x2xf64>, tensor<2xf64>, tensor<2xf64>, tensor<2xf64>) -> tensor<1x2xf64>
  func.return %a : tensor<1x2xf64>
}

// CHECK-LABEL: @affine_of_shared_pieces(
// CHECK: %[[P:.*]] = blend.piecewise_linear
// CHECK: blend.affine %[[P]]
// CHECK: blend.add
func.func @affine_of_shared_pieces(%x : tensor<1x2xf64>) -> tensor<1x2xf64> {
  %zero = blend.constant dense<0.0> : tensor<2xf64>
  %one = blend.constant dense<1.0> : tensor<2xf64>
  %neg = blend.constant dense<-1.0> : tensor<2xf64>
  %half = blend.constant dense<0.5> : tensor<2xf64>
  %p = blend.piecewise_linear %x, %zero, %half, %zero, %one, %zero : (tensor<1x2xf64>, tensor<2xf64>, tensor<2xf64>, tensor<2xf64>, tensor<2xf64>, tensor<2xf64>) -> tensor<1x2xf64>
  %a = blend.affine %p, %zero, %neg, %one : (tensor<1x2xf64>, tensor<2xf64>, tensor<2xf64>, tensor<2xf64>) -> tensor<1x2xf64>
  %s = blend.add %a, %p : (tensor<1x2xf64>, tensor<1x2xf64>) -> tensor<1x2xf64>
  func.return %s : tensor<1x2xf64>
}

// CHECK-LABEL: @affine_of_conv(
// CHECK: blend.constant dense<2.000000e+00> : tensor<2x2x3x3xf64>
// CHECK: blend.constant dense<-1.000000e+00> : tensor<2xf64>
// CHECK: blend.conv2d
// CHECK-NOT: = blend.affine
func.func @affine_of_conv(%x : tensor<1x2x4x4xf64>) -> tensor<1x2x2x2xf64> {
  %w = blend.constant dense<1.0> : tensor<2x2x3x3xf64>
  %one = blend.constant dense<1.0> : tensor<2xf64>
  %two = blend.constant dense<2.0> : tensor<2xf64>
  %zero = blend.constant dense<0.0> : tensor<2xf64>
  %y = blend.conv2d %x, %w, %zero {strides = array<i64: 1, 1>, padding = array<i64: 0, 0>} : (tensor<1x2x4x4xf64>, tensor<2x2x3x3xf64>, tensor<2xf64>) -> tensor<1x2x2x2xf64>
  %a = blend.affine %y, %one, %two, %one : (tensor<1x2x2x2xf64>, tensor<2xf64>, tensor<2xf64>, tensor<2xf64>) -> tensor<1x2x2x2xf64>
  func.return %a : tensor<1x2x2x2xf64>
}

// CHECK-LABEL: @affine_of_shared_conv(
// CHECK: %[[Y:.*]] = blend.conv2d
// CHECK: blend.affine %[[Y]]
// CHECK: blend.add
func.func @affine_of_shared_conv(%x : tensor<1x2x4x4xf64>) -> tensor<1x2x4x4xf64> {
  %w = blend.constant dense<1.0> : tensor<2x2x3x3xf64>
  %one = blend.constant dense<1.0> : tensor<2xf64>
  %neg = blend.constant dense<-1.0> : tensor<2xf64>
  %zero = blend.constant dense<0.0> : tensor<2xf64>
  %y = blend.conv2d %x, %w, %zero {strides = array<i64: 1, 1>, padding = array<i64: 1, 1>} : (tensor<1x2x4x4xf64>, tensor<2x2x3x3xf64>, tensor<2xf64>) -> tensor<1x2x4x4xf64>
  %a = blend.affine %y, %one, %neg, %one : (tensor<1x2x4x4xf64>, tensor<2xf64>, tensor<2xf64>, tensor<2xf64>) -> tensor<1x2x4x4xf64>
  %s = blend.add %a, %y : (tensor<1x2x4x4xf64>, tensor<1x2x4x4xf64>) -> tensor<1x2x4x4xf64>
  func.return %s : tensor<1x2x4x4xf64>
}

// CHECK-LABEL: @affine_of_conv_on_another_axis(
// CHECK: blend.conv2d
// CHECK: blend.affine
func.func @affine_of_conv_on_another_axis(%x : tensor<1x2x2x2xf64>) -> tensor<1x2x2x2xf64> {
  %w = blend.constant dense<[[[[1.0]], [[2.0]]], [[[3.0]], [[4.0]]]]> : tensor<2x2x1x1xf64>
  %one = blend.constant dense<1.0> : tensor<2xf64>
  %two = blend.constant dense<2.0> : tensor<2xf64>
  %zero = blend.constant dense<0.0> : tensor<2xf64>
  %y = blend.conv2d %x, %w, %zero {strides = array<i64: 1, 1>, padding = array<i64: 0, 0>} : (tensor<1x2x2x2xf64>, tensor<2x2x1x1xf64>, tensor<2xf64>) -> tensor<1x2x2x2xf64>
  %a = blend.affine %y, %one, %two, %one {axis = 2 : i64} : (tensor<1x2x2x2xf64>, tensor<2xf64>, tensor<2xf64>, tensor<2xf64>) -> tensor<1x2x2x2xf64>
  func.return %a : tensor<1x2x2x2xf64>
}

// CHECK-LABEL: @affine_of_linear(
// CHECK: blend.constant dense<{{\[\[}}2.000000e+00, 4.000000e+00], [6.000000e+00, 8.000000e+00]]>
// CHECK: blend.linear
// CHECK-NOT: = blend.affine
func.func @affine_of_linear(%x : tensor<1x2xf64>) -> tensor<1x2xf64> {
  %w = blend.constant dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf64>
  %one = blend.constant dense<1.0> : tensor<2xf64>
  %two = blend.constant dense<2.0> : tensor<2xf64>
  %zero = blend.constant dense<0.0> : tensor<2xf64>
  %y = blend.linear %x, %w, %zero : (tensor<1x2xf64>, tensor<2x2xf64>, tensor<2xf64>) -> tensor<1x2xf64>
  %a = blend.affine %y, %one, %two, %one : (tensor<1x2xf64>, tensor<2xf64>, tensor<2xf64>, tensor<2xf64>) -> tensor<1x2xf64>
  func.return %a : tensor<1x2xf64>
}

// CHECK-LABEL: @affine_of_add(
// CHECK-NOT: = blend.affine
// CHECK: blend.add
// CHECK-NOT: = blend.affine
func.func @affine_of_add(%x : tensor<1x2x4x4xf64>) -> tensor<1x2x4x4xf64> {
  %w = blend.constant dense<1.0> : tensor<2x2x3x3xf64>
  %one = blend.constant dense<1.0> : tensor<2xf64>
  %neg = blend.constant dense<-1.0> : tensor<2xf64>
  %zero = blend.constant dense<0.0> : tensor<2xf64>
  %y = blend.conv2d %x, %w, %zero {strides = array<i64: 1, 1>, padding = array<i64: 1, 1>} : (tensor<1x2x4x4xf64>, tensor<2x2x3x3xf64>, tensor<2xf64>) -> tensor<1x2x4x4xf64>
  %z = blend.conv2d %x, %w, %zero {strides = array<i64: 1, 1>, padding = array<i64: 1, 1>} : (tensor<1x2x4x4xf64>, tensor<2x2x3x3xf64>, tensor<2xf64>) -> tensor<1x2x4x4xf64>
  %s = blend.add %y, %z : (tensor<1x2x4x4xf64>, tensor<1x2x4x4xf64>) -> tensor<1x2x4x4xf64>
  %a = blend.affine %s, %one, %neg, %one : (tensor<1x2x4x4xf64>, tensor<2xf64>, tensor<2xf64>, tensor<2xf64>) -> tensor<1x2x4x4xf64>
  func.return %a : tensor<1x2x4x4xf64>
}

// CHECK-LABEL: @affine_of_add_with_the_input(
// CHECK: %[[S:.*]] = blend.add
// CHECK: blend.affine %[[S]]
func.func @affine_of_add_with_the_input(%x : tensor<1x2x4x4xf64>) -> tensor<1x2x4x4xf64> {
  %w = blend.constant dense<1.0> : tensor<2x2x3x3xf64>
  %one = blend.constant dense<1.0> : tensor<2xf64>
  %neg = blend.constant dense<-1.0> : tensor<2xf64>
  %zero = blend.constant dense<0.0> : tensor<2xf64>
  %y = blend.conv2d %x, %w, %zero {strides = array<i64: 1, 1>, padding = array<i64: 1, 1>} : (tensor<1x2x4x4xf64>, tensor<2x2x3x3xf64>, tensor<2xf64>) -> tensor<1x2x4x4xf64>
  %s = blend.add %y, %x : (tensor<1x2x4x4xf64>, tensor<1x2x4x4xf64>) -> tensor<1x2x4x4xf64>
  %a = blend.affine %s, %one, %neg, %one : (tensor<1x2x4x4xf64>, tensor<2xf64>, tensor<2xf64>, tensor<2xf64>) -> tensor<1x2x4x4xf64>
  func.return %a : tensor<1x2x4x4xf64>
}

// CHECK-LABEL: @threshold_of_affine(
// CHECK-NOT: = blend.affine
// CHECK: %[[T:.*]] = blend.constant dense<5.000000e-01>
// CHECK: blend.threshold %{{.*}}, %[[T]],
func.func @threshold_of_affine(%x : tensor<1x2xf64>) -> tensor<1x2xi1> {
  %one = blend.constant dense<1.0> : tensor<2xf64>
  %two = blend.constant dense<2.0> : tensor<2xf64>
  %a = blend.affine %x, %one, %two, %one : (tensor<1x2xf64>, tensor<2xf64>, tensor<2xf64>, tensor<2xf64>) -> tensor<1x2xf64>
  %s = blend.sign %a : tensor<1x2xf64> -> tensor<1x2xi1>
  func.return %s : tensor<1x2xi1>
}

// CHECK-LABEL: @threshold_of_pieces(
// CHECK-NOT: = blend.piecewise_linear
// CHECK: %[[T:.*]] = blend.constant dense<4.000000e+00>
// CHECK: blend.threshold %{{.*}}, %[[T]],
func.func @threshold_of_pieces(%x : tensor<1x2xf64>) -> tensor<1x2xi1> {
  %zero = blend.constant dense<0.0> : tensor<2xf64>
  %one = blend.constant dense<1.0> : tensor<2xf64>
  %half = blend.constant dense<0.5> : tensor<2xf64>
  %two = blend.constant dense<2.0> : tensor<2xf64>
  %p = blend.piecewise_linear %x, %zero, %one, %zero, %half, %zero : (tensor<1x2xf64>, tensor<2xf64>, tensor<2xf64>, tensor<2xf64>, tensor<2xf64>, tensor<2xf64>) -> tensor<1x2xf64>
  %no = blend.constant dense<false> : tensor<2xi1>
  %s = blend.threshold %p, %two, %no : (tensor<1x2xf64>, tensor<2xf64>, tensor<2xi1>) -> tensor<1x2xi1>
  func.return %s : tensor<1x2xi1>
}

// CHECK-LABEL: @threshold_of_pieces_that_turn(
// CHECK: %[[P:.*]] = blend.piecewise_linear
// CHECK: blend.threshold %[[P]]
func.func @threshold_of_pieces_that_turn(%x : tensor<1x2xf64>) -> tensor<1x2xi1> {
  %zero = blend.constant dense<0.0> : tensor<2xf64>
  %one = blend.constant dense<1.0> : tensor<2xf64>
  %neg = blend.constant dense<-1.0> : tensor<2xf64>
  %two = blend.constant dense<2.0> : tensor<2xf64>
  %p = blend.piecewise_linear %x, %zero, %neg, %zero, %one, %zero : (tensor<1x2xf64>, tensor<2xf64>, tensor<2xf64>, tensor<2xf64>, tensor<2xf64>, tensor<2xf64>) -> tensor<1x2xf64>
  %no = blend.constant dense<false> : tensor<2xi1>
  %s = blend.threshold %p, %two, %no : (tensor<1x2xf64>, tensor<2xf64>, tensor<2xi1>) -> tensor<1x2xi1>
  func.return %s : tensor<1x2xi1>
}

// CHECK-LABEL: @threshold_of_clamp(
// CHECK-NOT: = blend.clamp
// CHECK: blend.threshold
func.func @threshold_of_clamp(%x : tensor<1x2xf64>) -> tensor<1x2xi1> {
  %one = blend.constant dense<1.0> : tensor<2xf64>
  %no = blend.constant dense<false> : tensor<2xi1>
  %k = blend.clamp %x {low = -1.0 : f64, high = 1.0 : f64} : tensor<1x2xf64>
  %s = blend.threshold %k, %one, %no : (tensor<1x2xf64>, tensor<2xf64>, tensor<2xi1>) -> tensor<1x2xi1>
  func.return %s : tensor<1x2xi1>
}

// CHECK-LABEL: @threshold_of_clamp_is_constant(
// CHECK: blend.constant dense<"0x000000000000F07F000000000000F07F">
// CHECK: blend.threshold
func.func @threshold_of_clamp_is_constant(%x : tensor<1x2xf64>) -> tensor<1x2xi1> {
  %two = blend.constant dense<2.0> : tensor<2xf64>
  %no = blend.constant dense<false> : tensor<2xi1>
  %k = blend.clamp %x {low = -1.0 : f64, high = 1.0 : f64} : tensor<1x2xf64>
  %s = blend.threshold %k, %two, %no : (tensor<1x2xf64>, tensor<2xf64>, tensor<2xi1>) -> tensor<1x2xi1>
  func.return %s : tensor<1x2xi1>
}

// CHECK-LABEL: @threshold_of_max_pool(
// CHECK: %[[S:.*]] = blend.threshold
// CHECK: blend.max_pool2d %[[S]]
func.func @threshold_of_max_pool(%x : tensor<1x2x4x4xf64>) -> tensor<1x2x2x2xi1> {
  %p = blend.max_pool2d %x {kernel = array<i64: 2, 2>, strides = array<i64: 2, 2>, padding = array<i64: 0, 0>} : (tensor<1x2x4x4xf64>) -> tensor<1x2x2x2xf64>
  %s = blend.sign %p : tensor<1x2x2x2xf64> -> tensor<1x2x2x2xi1>
  func.return %s : tensor<1x2x2x2xi1>
}

// CHECK-LABEL: @inverted_threshold_of_max_pool(
// CHECK: %[[P:.*]] = blend.max_pool2d
// CHECK: blend.threshold %[[P]]
func.func @inverted_threshold_of_max_pool(%x : tensor<1x2x4x4xf64>) -> tensor<1x2x2x2xi1> {
  %p = blend.max_pool2d %x {kernel = array<i64: 2, 2>, strides = array<i64: 2, 2>, padding = array<i64: 0, 0>} : (tensor<1x2x4x4xf64>) -> tensor<1x2x2x2xf64>
  %zero = blend.constant dense<0.0> : tensor<2xf64>
  %yes = blend.constant dense<true> : tensor<2xi1>
  %s = blend.threshold %p, %zero, %yes : (tensor<1x2x2x2xf64>, tensor<2xf64>, tensor<2xi1>) -> tensor<1x2x2x2xi1>
  func.return %s : tensor<1x2x2x2xi1>
}

// CHECK-LABEL: @pieces_of_affine(
// CHECK-NOT: = blend.affine
// CHECK: blend.piecewise_linear
func.func @pieces_of_affine(%x : tensor<1x2xf64>) -> tensor<1x2xf64> {
  %zero = blend.constant dense<0.0> : tensor<2xf64>
  %one = blend.constant dense<1.0> : tensor<2xf64>
  %half = blend.constant dense<0.5> : tensor<2xf64>
  %neg = blend.constant dense<-1.0> : tensor<2xf64>
  %a = blend.affine %x, %one, %neg, %one : (tensor<1x2xf64>, tensor<2xf64>, tensor<2xf64>, tensor<2xf64>) -> tensor<1x2xf64>
  %p = blend.piecewise_linear %a, %zero, %half, %zero, %one, %zero : (tensor<1x2xf64>, tensor<2xf64>, tensor<2xf64>, tensor<2xf64>, tensor<2xf64>, tensor<2xf64>) -> tensor<1x2xf64>
  func.return %p : tensor<1x2xf64>
}

// CHECK-LABEL: @jumping_pieces_of_falling_affine(
// CHECK: %[[A:.*]] = blend.affine
// CHECK: blend.piecewise_linear %[[A]]
func.func @jumping_pieces_of_falling_affine(%x : tensor<1x2xf64>) -> tensor<1x2xf64> {
  %zero = blend.constant dense<0.0> : tensor<2xf64>
  %one = blend.constant dense<1.0> : tensor<2xf64>
  %half = blend.constant dense<0.5> : tensor<2xf64>
  %neg = blend.constant dense<-1.0> : tensor<2xf64>
  %a = blend.affine %x, %one, %neg, %one : (tensor<1x2xf64>, tensor<2xf64>, tensor<2xf64>, tensor<2xf64>) -> tensor<1x2xf64>
  %p = blend.piecewise_linear %a, %zero, %half, %zero, %one, %one : (tensor<1x2xf64>, tensor<2xf64>, tensor<2xf64>, tensor<2xf64>, tensor<2xf64>, tensor<2xf64>) -> tensor<1x2xf64>
  func.return %p : tensor<1x2xf64>
}

// CHECK-LABEL: @conv_of_affine_takes_a_pad(
// CHECK-NOT: = blend.affine
// CHECK: blend.conv2d %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}} {
func.func @conv_of_affine_takes_a_pad(%x : tensor<1x2x4x4xf64>) -> tensor<1x2x4x4xf64> {
  %w = blend.constant dense<1.0> : tensor<2x2x3x3xf64>
  %one = blend.constant dense<1.0> : tensor<2xf64>
  %two = blend.constant dense<2.0> : tensor<2xf64>
  %zero = blend.constant dense<0.0> : tensor<2xf64>
  %a = blend.affine %x, %one, %two, %zero : (tensor<1x2x4x4xf64>, tensor<2xf64>, tensor<2xf64>, tensor<2xf64>) -> tensor<1x2x4x4xf64>
  %y = blend.conv2d %a, %w, %zero {strides = array<i64: 1, 1>, padding = array<i64: 1, 1>} : (tensor<1x2x4x4xf64>, tensor<2x2x3x3xf64>, tensor<2xf64>) -> tensor<1x2x4x4xf64>
  func.return %y : tensor<1x2x4x4xf64>
}

// CHECK-LABEL: @conv_of_constant_affine_takes_a_border_map(
// CHECK-NOT: = blend.affine
// CHECK: blend.conv2d {{.*}} tensor<2x3x3xf64>) ->
func.func @conv_of_constant_affine_takes_a_border_map(%x : tensor<1x2x4x4xf64>) -> tensor<1x2x4x4xf64> {
  %w = blend.constant dense<1.0> : tensor<2x2x3x3xf64>
  %one = blend.constant dense<1.0> : tensor<2xf64>
  %zero = blend.constant dense<0.0> : tensor<2xf64>
  %a = blend.affine %x, %zero, %zero, %one : (tensor<1x2x4x4xf64>, tensor<2xf64>, tensor<2xf64>, tensor<2xf64>) -> tensor<1x2x4x4xf64>
  %y = blend.conv2d %a, %w, %zero {strides = array<i64: 1, 1>, padding = array<i64: 1, 1>} : (tensor<1x2x4x4xf64>, tensor<2x2x3x3xf64>, tensor<2xf64>) -> tensor<1x2x4x4xf64>
  func.return %y : tensor<1x2x4x4xf64>
}

// CHECK-LABEL: @linear_of_affine(
// CHECK-NOT: = blend.affine
// CHECK: blend.linear
func.func @linear_of_affine(%x : tensor<1x2xf64>) -> tensor<1x2xf64> {
  %w = blend.constant dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf64>
  %one = blend.constant dense<1.0> : tensor<2xf64>
  %two = blend.constant dense<2.0> : tensor<2xf64>
  %zero = blend.constant dense<0.0> : tensor<2xf64>
  %a = blend.affine %x, %one, %two, %zero : (tensor<1x2xf64>, tensor<2xf64>, tensor<2xf64>, tensor<2xf64>) -> tensor<1x2xf64>
  %y = blend.linear %a, %w, %zero : (tensor<1x2xf64>, tensor<2x2xf64>, tensor<2xf64>) -> tensor<1x2xf64>
  func.return %y : tensor<1x2xf64>
}

// CHECK-LABEL: @avg_pool_of_affine(
// CHECK: %[[P:.*]] = blend.avg_pool2d
// CHECK: blend.affine %[[P]]
func.func @avg_pool_of_affine(%x : tensor<1x2x4x4xf64>) -> tensor<1x2x2x2xf64> {
  %one = blend.constant dense<1.0> : tensor<2xf64>
  %two = blend.constant dense<2.0> : tensor<2xf64>
  %a = blend.affine %x, %one, %two, %one : (tensor<1x2x4x4xf64>, tensor<2xf64>, tensor<2xf64>, tensor<2xf64>) -> tensor<1x2x4x4xf64>
  %p = blend.avg_pool2d %a {kernel = array<i64: 2, 2>, strides = array<i64: 2, 2>, padding = array<i64: 0, 0>, divisor = 4 : i64} : (tensor<1x2x4x4xf64>) -> tensor<1x2x2x2xf64>
  func.return %p : tensor<1x2x2x2xf64>
}

// CHECK-LABEL: @padded_avg_pool_of_affine(
// CHECK: %[[A:.*]] = blend.affine
// CHECK: blend.avg_pool2d %[[A]]
func.func @padded_avg_pool_of_affine(%x : tensor<1x2x4x4xf64>) -> tensor<1x2x3x3xf64> {
  %one = blend.constant dense<1.0> : tensor<2xf64>
  %two = blend.constant dense<2.0> : tensor<2xf64>
  %a = blend.affine %x, %one, %two, %one : (tensor<1x2x4x4xf64>, tensor<2xf64>, tensor<2xf64>, tensor<2xf64>) -> tensor<1x2x4x4xf64>
  %p = blend.avg_pool2d %a {kernel = array<i64: 2, 2>, strides = array<i64: 2, 2>, padding = array<i64: 1, 1>, divisor = 4 : i64} : (tensor<1x2x4x4xf64>) -> tensor<1x2x3x3xf64>
  func.return %p : tensor<1x2x3x3xf64>
}

// CHECK-LABEL: @avg_pool_is_exact(
// CHECK: blend.avg_pool2d {{.*}}divisor = 8
// CHECK: blend.constant dense<0.88888888888888884>
// CHECK: blend.affine
func.func @avg_pool_is_exact(%x : tensor<1x2x4x4xf64>) -> tensor<1x2x1x1xf64> {
  %p = blend.avg_pool2d %x {kernel = array<i64: 3, 3>, strides = array<i64: 3, 3>, padding = array<i64: 0, 0>, divisor = 9 : i64} : (tensor<1x2x4x4xf64>) -> tensor<1x2x1x1xf64>
  func.return %p : tensor<1x2x1x1xf64>
}

// CHECK-LABEL: @avg_pool_by_a_power_of_two(
// CHECK: blend.avg_pool2d {{.*}}divisor = 4
// CHECK-NOT: = blend.affine
func.func @avg_pool_by_a_power_of_two(%x : tensor<1x2x4x4xf64>) -> tensor<1x2x2x2xf64> {
  %p = blend.avg_pool2d %x {kernel = array<i64: 2, 2>, strides = array<i64: 2, 2>, padding = array<i64: 0, 0>, divisor = 4 : i64} : (tensor<1x2x4x4xf64>) -> tensor<1x2x2x2xf64>
  func.return %p : tensor<1x2x2x2xf64>
}

// CHECK-LABEL: @max_pool_of_affine(
// CHECK: %[[P:.*]] = blend.max_pool2d
// CHECK: blend.affine %[[P]]
func.func @max_pool_of_affine(%x : tensor<1x2x4x4xf64>) -> tensor<1x2x2x2xf64> {
  %one = blend.constant dense<1.0> : tensor<2xf64>
  %two = blend.constant dense<2.0> : tensor<2xf64>
  %a = blend.affine %x, %one, %two, %one : (tensor<1x2x4x4xf64>, tensor<2xf64>, tensor<2xf64>, tensor<2xf64>) -> tensor<1x2x4x4xf64>
  %p = blend.max_pool2d %a {kernel = array<i64: 2, 2>, strides = array<i64: 2, 2>, padding = array<i64: 0, 0>} : (tensor<1x2x4x4xf64>) -> tensor<1x2x2x2xf64>
  func.return %p : tensor<1x2x2x2xf64>
}

// CHECK-LABEL: @max_pool_of_falling_affine(
// CHECK: %[[A:.*]] = blend.affine
// CHECK: blend.max_pool2d %[[A]]
func.func @max_pool_of_falling_affine(%x : tensor<1x2x4x4xf64>) -> tensor<1x2x2x2xf64> {
  %one = blend.constant dense<1.0> : tensor<2xf64>
  %neg = blend.constant dense<-1.0> : tensor<2xf64>
  %a = blend.affine %x, %one, %neg, %one : (tensor<1x2x4x4xf64>, tensor<2xf64>, tensor<2xf64>, tensor<2xf64>) -> tensor<1x2x4x4xf64>
  %p = blend.max_pool2d %a {kernel = array<i64: 2, 2>, strides = array<i64: 2, 2>, padding = array<i64: 0, 0>} : (tensor<1x2x4x4xf64>) -> tensor<1x2x2x2xf64>
  func.return %p : tensor<1x2x2x2xf64>
}

// CHECK-LABEL: @transpose_of_affine(
// CHECK: %[[T:.*]] = blend.transpose
// CHECK: blend.affine %[[T]], {{.*}}axis = 3
func.func @transpose_of_affine(%x : tensor<1x2x4x4xf64>) -> tensor<1x4x4x2xf64> {
  %one = blend.constant dense<1.0> : tensor<2xf64>
  %two = blend.constant dense<2.0> : tensor<2xf64>
  %a = blend.affine %x, %one, %two, %one : (tensor<1x2x4x4xf64>, tensor<2xf64>, tensor<2xf64>, tensor<2xf64>) -> tensor<1x2x4x4xf64>
  %t = blend.transpose %a {permutation = array<i64: 0, 2, 3, 1>} : (tensor<1x2x4x4xf64>) -> tensor<1x4x4x2xf64>
  func.return %t : tensor<1x4x4x2xf64>
}

// CHECK-LABEL: @reshape_of_affine(
// CHECK: %[[T:.*]] = blend.reshape
// CHECK: blend.affine %[[T]], {{.*}}tensor<4xf64>
func.func @reshape_of_affine(%x : tensor<1x2x2xf64>) -> tensor<1x4xf64> {
  %one = blend.constant dense<1.0> : tensor<2xf64>
  %two = blend.constant dense<2.0> : tensor<2xf64>
  %a = blend.affine %x, %one, %two, %one : (tensor<1x2x2xf64>, tensor<2xf64>, tensor<2xf64>, tensor<2xf64>) -> tensor<1x2x2xf64>
  %t = blend.reshape %a : (tensor<1x2x2xf64>) -> tensor<1x4xf64>
  func.return %t : tensor<1x4xf64>
}

// CHECK-LABEL: @reshape_across_channels(
// CHECK: blend.reshape
// CHECK: blend.affine
func.func @reshape_across_channels(%x : tensor<1x2x2xf64>) -> tensor<1x2x2x1xf64> {
  %p = blend.constant dense<[1.0, 2.0]> : tensor<2xf64>
  %one = blend.constant dense<1.0> : tensor<2xf64>
  %a = blend.affine %x, %one, %p, %one : (tensor<1x2x2xf64>, tensor<2xf64>, tensor<2xf64>, tensor<2xf64>) -> tensor<1x2x2xf64>
  %t = blend.reshape %a : (tensor<1x2x2xf64>) -> tensor<1x2x2x1xf64>
  func.return %t : tensor<1x2x2x1xf64>
}

// CHECK-LABEL: @reshape_that_splits_channels(
// CHECK: %[[A:.*]] = blend.affine
// CHECK: blend.reshape %[[A]]
func.func @reshape_that_splits_channels(%x : tensor<1x4x1xf64>) -> tensor<1x2x2xf64> {
  %p = blend.constant dense<[1.0, 2.0, 3.0, 4.0]> : tensor<4xf64>
  %a = blend.affine %x, %p, %p, %p : (tensor<1x4x1xf64>, tensor<4xf64>, tensor<4xf64>, tensor<4xf64>) -> tensor<1x4x1xf64>
  %t = blend.reshape %a : (tensor<1x4x1xf64>) -> tensor<1x2x2xf64>
  func.return %t : tensor<1x2x2xf64>
}

// CHECK-LABEL: @concat_of_affine(
// CHECK: %[[T:.*]] = blend.concat
// CHECK: blend.affine %[[T]], {{.*}}tensor<4xf64>
func.func @concat_of_affine(%x : tensor<1x2xf64>) -> tensor<1x4xf64> {
  %one = blend.constant dense<1.0> : tensor<2xf64>
  %two = blend.constant dense<2.0> : tensor<2xf64>
  %a = blend.affine %x, %one, %two, %one : (tensor<1x2xf64>, tensor<2xf64>, tensor<2xf64>, tensor<2xf64>) -> tensor<1x2xf64>
  %t = blend.concat %a, %x : (tensor<1x2xf64>, tensor<1x2xf64>) -> tensor<1x4xf64>
  func.return %t : tensor<1x4xf64>
}

// CHECK-LABEL: @drop_identity(
// CHECK-NOT: = blend.affine
func.func @drop_identity(%x : tensor<1x2xf64>) -> tensor<1x2xf64> {
  %one = blend.constant dense<1.0> : tensor<2xf64>
  %zero = blend.constant dense<0.0> : tensor<2xf64>
  %a = blend.affine %x, %zero, %one, %zero : (tensor<1x2xf64>, tensor<2xf64>, tensor<2xf64>, tensor<2xf64>) -> tensor<1x2xf64>
  %r = blend.relu %a : tensor<1x2xf64>
  func.return %r : tensor<1x2xf64>
}
