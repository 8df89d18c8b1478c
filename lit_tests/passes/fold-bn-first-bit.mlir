// RUN: blendir-opt %s --fold-bn --split-input-file | filecheck %s

// Of -3, -1, 1 and 3 less twice the middle threshold -1 and 1 are left, one bit.

// CHECK-LABEL: builtin.module @rest_of_levels {
// CHECK: blend.constant dense<[0, -1, 0, 1, 0, -1, 0, 1]> : tensor<8xi8> as tensor<8x!blend.fixed<2, 2>>
// CHECK: %[[R:.*]] = blend.lookup %n
// CHECK: blend.fixed_conv2d %[[R]], {{.*}} {layer = "both"
// CHECK-NOT: blend.binary_conv2d
// CHECK: blend.affine
// CHECK-NOT: blend.add
builtin.module @rest_of_levels {
  func.func @main(%x : tensor<1x1x2x2xf64>) -> tensor<1x1x2x2xf64> {
    %t = blend.constant dense<[[1.0, 2.0, 3.0]]> : tensor<1x3xf64>
    %m = blend.constant dense<[2.0]> : tensor<1xf64>
    %no = blend.constant dense<false> : tensor<1xi1>
    %n = blend.multi_threshold %x, %t, %no {layer = "act", lowest = -3 : i64, step = 2 : i64} : (tensor<1x1x2x2xf64>, tensor<1x3xf64>, tensor<1xi1>) -> tensor<1x1x2x2x!blend.fixed<3, 3>>
    %s = blend.threshold %x, %m, %no {layer = "sign"} : (tensor<1x1x2x2xf64>, tensor<1xf64>, tensor<1xi1>) -> tensor<1x1x2x2xi1>
    %w = blend.constant dense<1> : tensor<1x1x3x3xi8> as tensor<1x1x3x3x!blend.fixed<2, 2>>
    %b = blend.constant dense<0> : tensor<1xi8> as tensor<1x!blend.fixed<2, 2>>
    %v = blend.constant dense<true> : tensor<1x1x3x3xi1>
    %p = blend.fixed_conv2d %n, %w, %b {layer = "both", strides = array<i64: 1, 1>, padding = array<i64: 1, 1>} : (tensor<1x1x2x2x!blend.fixed<3, 3>>, tensor<1x1x3x3x!blend.fixed<2, 2>>, tensor<1x!blend.fixed<2, 2>>) -> tensor<1x1x2x2x!blend.fixed<6, 6>>
    %q = blend.binary_conv2d %s, %v {layer = "first", strides = array<i64: 1, 1>, padding = array<i64: 1, 1>} : (tensor<1x1x2x2xi1>, tensor<1x1x3x3xi1>) -> tensor<1x1x2x2xi32>
    %zero = blend.constant dense<0.0> : tensor<1xf64>
    %a = blend.constant dense<0.5> : tensor<1xf64>
    %c = blend.constant dense<-1.0> : tensor<1xf64>
    %f = blend.affine %p, %zero, %a, %zero : (tensor<1x1x2x2x!blend.fixed<6, 6>>, tensor<1xf64>, tensor<1xf64>, tensor<1xf64>) -> tensor<1x1x2x2xf64>
    %g = blend.affine %q, %zero, %c, %zero : (tensor<1x1x2x2xi32>, tensor<1xf64>, tensor<1xf64>, tensor<1xf64>) -> tensor<1x1x2x2xf64>
    %y = blend.add %g, %f {layer = "difference"} : (tensor<1x1x2x2xf64>, tensor<1x1x2x2xf64>) -> tensor<1x1x2x2xf64>
    func.return %y : tensor<1x1x2x2xf64>
  }
}

// -----

// CHECK-LABEL: builtin.module @another_threshold {
// CHECK-NOT: blend.lookup
// CHECK: blend.fixed_conv2d %n
// CHECK-NOT: blend.lookup
// CHECK: func.return
builtin.module @another_threshold {
  func.func @main(%x : tensor<1x1x2x2xf64>) -> tensor<1x1x2x2xf64> {
    %t = blend.constant dense<[[1.0, 2.0, 3.0]]> : tensor<1x3xf64>
    %m = blend.constant dense<[2.5]> : tensor<1xf64>
    %no = blend.constant dense<false> : tensor<1xi1>
    %n = blend.multi_threshold %x, %t, %no {layer = "act", lowest = -3 : i64, step = 2 : i64} : (tensor<1x1x2x2xf64>, tensor<1x3xf64>, tensor<1xi1>) -> tensor<1x1x2x2x!blend.fixed<3, 3>>
    %s = blend.threshold %x, %m, %no {layer = "sign"} : (tensor<1x1x2x2xf64>, tensor<1xf64>, tensor<1xi1>) -> tensor<1x1x2x2xi1>
    %w = blend.constant dense<1> : tensor<1x1x3x3xi8> as tensor<1x1x3x3x!blend.fixed<2, 2>>
    %b = blend.constant dense<0> : tensor<1xi8> as tensor<1x!blend.fixed<2, 2>>
    %v = blend.constant dense<true> : tensor<1x1x3x3xi1>
    %p = blend.fixed_conv2d %n, %w, %b {layer = "both", strides = array<i64: 1, 1>, padding = array<i64: 1, 1>} : (tensor<1x1x2x2x!blend.fixed<3, 3>>, tensor<1x1x3x3x!blend.fixed<2, 2>>, tensor<1x!blend.fixed<2, 2>>) -> tensor<1x1x2x2x!blend.fixed<6, 6>>
    %q = blend.binary_conv2d %s, %v {layer = "first", strides = array<i64: 1, 1>, padding = array<i64: 1, 1>} : (tensor<1x1x2x2xi1>, tensor<1x1x3x3xi1>) -> tensor<1x1x2x2xi32>
    %zero = blend.constant dense<0.0> : tensor<1xf64>
    %a = blend.constant dense<0.5> : tensor<1xf64>
    %c = blend.constant dense<-1.0> : tensor<1xf64>
    %f = blend.affine %p, %zero, %a, %zero : (tensor<1x1x2x2x!blend.fixed<6, 6>>, tensor<1xf64>, tensor<1xf64>, tensor<1xf64>) -> tensor<1x1x2x2xf64>
    %g = blend.affine %q, %zero, %c, %zero : (tensor<1x1x2x2xi32>, tensor<1xf64>, tensor<1xf64>, tensor<1xf64>) -> tensor<1x1x2x2xf64>
    %y = blend.add %g, %f {layer = "difference"} : (tensor<1x1x2x2xf64>, tensor<1x1x2x2xf64>) -> tensor<1x1x2x2xf64>
    func.return %y : tensor<1x1x2x2xf64>
  }
}

// -----

// CHECK-LABEL: builtin.module @other_weights {
// CHECK-NOT: blend.lookup
// CHECK: blend.fixed_conv2d %n
// CHECK-NOT: blend.lookup
// CHECK: func.return
builtin.module @other_weights {
  func.func @main(%x : tensor<1x1x2x2xf64>) -> tensor<1x1x2x2xf64> {
    %t = blend.constant dense<[[1.0, 2.0, 3.0]]> : tensor<1x3xf64>
    %m = blend.constant dense<[2.0]> : tensor<1xf64>
    %no = blend.constant dense<false> : tensor<1xi1>
    %n = blend.multi_threshold %x, %t, %no {layer = "act", lowest = -3 : i64, step = 2 : i64} : (tensor<1x1x2x2xf64>, tensor<1x3xf64>, tensor<1xi1>) -> tensor<1x1x2x2x!blend.fixed<3, 3>>
    %s = blend.threshold %x, %m, %no {layer = "sign"} : (tensor<1x1x2x2xf64>, tensor<1xf64>, tensor<1xi1>) -> tensor<1x1x2x2xi1>
    %w = blend.constant dense<1> : tensor<1x1x3x3xi8> as tensor<1x1x3x3x!blend.fixed<2, 2>>
    %b = blend.constant dense<0> : tensor<1xi8> as tensor<1x!blend.fixed<2, 2>>
    %v = blend.constant dense<false> : tensor<1x1x3x3xi1>
    %p = blend.fixed_conv2d %n, %w, %b {layer = "both", strides = array<i64: 1, 1>, padding = array<i64: 1, 1>} : (tensor<1x1x2x2x!blend.fixed<3, 3>>, tensor<1x1x3x3x!blend.fixed<2, 2>>, tensor<1x!blend.fixed<2, 2>>) -> tensor<1x1x2x2x!blend.fixed<6, 6>>
    %q = blend.binary_conv2d %s, %v {layer = "first", strides = array<i64: 1, 1>, padding = array<i64: 1, 1>} : (tensor<1x1x2x2xi1>, tensor<1x1x3x3xi1>) -> tensor<1x1x2x2xi32>
    %zero = blend.constant dense<0.0> : tensor<1xf64>
    %a = blend.constant dense<0.5> : tensor<1xf64>
    %c = blend.constant dense<-1.0> : tensor<1xf64>
    %f = blend.affine %p, %zero, %a, %zero : (tensor<1x1x2x2x!blend.fixed<6, 6>>, tensor<1xf64>, tensor<1xf64>, tensor<1xf64>) -> tensor<1x1x2x2xf64>
    %g = blend.affine %q, %zero, %c, %zero : (tensor<1x1x2x2xi32>, tensor<1xf64>, tensor<1xf64>, tensor<1xf64>) -> tensor<1x1x2x2xf64>
    %y = blend.add %g, %f {layer = "difference"} : (tensor<1x1x2x2xf64>, tensor<1x1x2x2xf64>) -> tensor<1x1x2x2xf64>
    func.return %y : tensor<1x1x2x2xf64>
  }
}

// -----

// Less once the threshold -2 .. 2 is left.

// CHECK-LABEL: builtin.module @no_fewer_bits {
// CHECK-NOT: blend.lookup
// CHECK: blend.fixed_conv2d %n
// CHECK-NOT: blend.lookup
// CHECK: func.return
builtin.module @no_fewer_bits {
  func.func @main(%x : tensor<1x1x2x2xf64>) -> tensor<1x1x2x2xf64> {
    %t = blend.constant dense<[[1.0, 2.0, 3.0]]> : tensor<1x3xf64>
    %m = blend.constant dense<[2.0]> : tensor<1xf64>
    %no = blend.constant dense<false> : tensor<1xi1>
    %n = blend.multi_threshold %x, %t, %no {layer = "act", lowest = -3 : i64, step = 2 : i64} : (tensor<1x1x2x2xf64>, tensor<1x3xf64>, tensor<1xi1>) -> tensor<1x1x2x2x!blend.fixed<3, 3>>
    %s = blend.threshold %x, %m, %no {layer = "sign"} : (tensor<1x1x2x2xf64>, tensor<1xf64>, tensor<1xi1>) -> tensor<1x1x2x2xi1>
    %w = blend.constant dense<1> : tensor<1x1x3x3xi8> as tensor<1x1x3x3x!blend.fixed<2, 2>>
    %b = blend.constant dense<0> : tensor<1xi8> as tensor<1x!blend.fixed<2, 2>>
    %v = blend.constant dense<true> : tensor<1x1x3x3xi1>
    %p = blend.fixed_conv2d %n, %w, %b {layer = "both", strides = array<i64: 1, 1>, padding = array<i64: 1, 1>} : (tensor<1x1x2x2x!blend.fixed<3, 3>>, tensor<1x1x3x3x!blend.fixed<2, 2>>, tensor<1x!blend.fixed<2, 2>>) -> tensor<1x1x2x2x!blend.fixed<6, 6>>
    %q = blend.binary_conv2d %s, %v {layer = "first", strides = array<i64: 1, 1>, padding = array<i64: 1, 1>} : (tensor<1x1x2x2xi1>, tensor<1x1x3x3xi1>) -> tensor<1x1x2x2xi32>
    %zero = blend.constant dense<0.0> : tensor<1xf64>
    %a = blend.constant dense<0.5> : tensor<1xf64>
    %c = blend.constant dense<-0.5> : tensor<1xf64>
    %f = blend.affine %p, %zero, %a, %zero : (tensor<1x1x2x2x!blend.fixed<6, 6>>, tensor<1xf64>, tensor<1xf64>, tensor<1xf64>) -> tensor<1x1x2x2xf64>
    %g = blend.affine %q, %zero, %c, %zero : (tensor<1x1x2x2xi32>, tensor<1xf64>, tensor<1xf64>, tensor<1xf64>) -> tensor<1x1x2x2xf64>
    %y = blend.add %g, %f {layer = "difference"} : (tensor<1x1x2x2xf64>, tensor<1x1x2x2xf64>) -> tensor<1x1x2x2xf64>
    func.return %y : tensor<1x1x2x2xf64>
  }
}

// -----

// CHECK-LABEL: builtin.module @needed_elsewhere {
// CHECK-NOT: blend.lookup
// CHECK: blend.fixed_conv2d %n
// CHECK-NOT: blend.lookup
// CHECK: func.return
builtin.module @needed_elsewhere {
  func.func @main(%x : tensor<1x1x2x2xf64>) -> tensor<1x1x2x2xf64> {
    %t = blend.constant dense<[[1.0, 2.0, 3.0]]> : tensor<1x3xf64>
    %m = blend.constant dense<[2.0]> : tensor<1xf64>
    %no = blend.constant dense<false> : tensor<1xi1>
    %n = blend.multi_threshold %x, %t, %no {layer = "act", lowest = -3 : i64, step = 2 : i64} : (tensor<1x1x2x2xf64>, tensor<1x3xf64>, tensor<1xi1>) -> tensor<1x1x2x2x!blend.fixed<3, 3>>
    %s = blend.threshold %x, %m, %no {layer = "sign"} : (tensor<1x1x2x2xf64>, tensor<1xf64>, tensor<1xi1>) -> tensor<1x1x2x2xi1>
    %w = blend.constant dense<1> : tensor<1x1x3x3xi8> as tensor<1x1x3x3x!blend.fixed<2, 2>>
    %b = blend.constant dense<0> : tensor<1xi8> as tensor<1x!blend.fixed<2, 2>>
    %v = blend.constant dense<true> : tensor<1x1x3x3xi1>
    %p = blend.fixed_conv2d %n, %w, %b {layer = "both", strides = array<i64: 1, 1>, padding = array<i64: 1, 1>} : (tensor<1x1x2x2x!blend.fixed<3, 3>>, tensor<1x1x3x3x!blend.fixed<2, 2>>, tensor<1x!blend.fixed<2, 2>>) -> tensor<1x1x2x2x!blend.fixed<6, 6>>
    %q = blend.binary_conv2d %s, %v {layer = "first", strides = array<i64: 1, 1>, padding = array<i64: 1, 1>} : (tensor<1x1x2x2xi1>, tensor<1x1x3x3xi1>) -> tensor<1x1x2x2xi32>
    %zero = blend.constant dense<0.0> : tensor<1xf64>
    %a = blend.constant dense<0.5> : tensor<1xf64>
    %c = blend.constant dense<-1.0> : tensor<1xf64>
    %f = blend.affine %p, %zero, %a, %zero : (tensor<1x1x2x2x!blend.fixed<6, 6>>, tensor<1xf64>, tensor<1xf64>, tensor<1xf64>) -> tensor<1x1x2x2xf64>
    %g = blend.affine %q, %zero, %c, %zero : (tensor<1x1x2x2xi32>, tensor<1xf64>, tensor<1xf64>, tensor<1xf64>) -> tensor<1x1x2x2xf64>
    %y = blend.add %g, %f {layer = "difference"} : (tensor<1x1x2x2xf64>, tensor<1x1x2x2xf64>) -> tensor<1x1x2x2xf64>
    %z = blend.multiply %y, %f {layer = "product"} : (tensor<1x1x2x2xf64>, tensor<1x1x2x2xf64>) -> tensor<1x1x2x2xf64>
    func.return %z : tensor<1x1x2x2xf64>
  }
}
