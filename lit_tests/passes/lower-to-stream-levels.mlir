// RUN: blendir-opt %s --lower-to-stream --split-input-file | filecheck %s

// CHECK-LABEL: builtin.module @levels {
// CHECK: blend.constant dense<{{\[\[}}3, 5], [-1, 6{{\]\]}}> : tensor<2x2xi64>
// CHECK: stream.multi_threshold {{.*}}lowest = -1 : i64, step = 2 : i64{{.*}} -> !stream.stream<2, 2, 2, !blend.fixed<3, 3>, 1>
builtin.module @levels {
  func.func @main(%x : tensor<1x2x2x2x!blend.fixed<4, 4>>) -> tensor<1x2x2x2x!blend.fixed<3, 3>> {
    %t = blend.constant dense<[[3, 5], [-1, 6]]> : tensor<2x2xi64>
    %no = blend.constant dense<false> : tensor<2xi1>
    %y = blend.multi_threshold %x, %t, %no {layer = "act", lowest = -1 : i64, step = 2 : i64} : (tensor<1x2x2x2x!blend.fixed<4, 4>>, tensor<2x2xi64>, tensor<2xi1>) -> tensor<1x2x2x2x!blend.fixed<3, 3>>
    func.return %y : tensor<1x2x2x2x!blend.fixed<3, 3>>
  }
}

// -----

// CHECK-LABEL: builtin.module @take {
// CHECK: stream.take {{.*}}indices = array<i64: 1, -1, 0>{{.*}} -> !stream.stream<2, 2, 3, !blend.fixed<4, 4>, 1>
builtin.module @take {
  func.func @main(%x : tensor<1x2x2x2x!blend.fixed<4, 4>>) -> tensor<1x3x2x2x!blend.fixed<4, 4>> {
    %y = blend.take %x {layer = "take", indices = array<i64: 1, -1, 0>} : (tensor<1x2x2x2x!blend.fixed<4, 4>>) -> tensor<1x3x2x2x!blend.fixed<4, 4>>
    func.return %y : tensor<1x3x2x2x!blend.fixed<4, 4>>
  }
}
