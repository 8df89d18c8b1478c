// RUN: blendir-opt %s -p 'lower-to-stream' --split-input-file | filecheck %s

// CHECK-LABEL: builtin.module @two_outputs {
// CHECK: func.func @main({{.*}}) -> (tensor<1x1x!blend.fixed<3, 3>> {blend.name = "class"}, tensor<1x4xsi8> {blend.name = "scores"})
// CHECK: stream.source
// CHECK-NEXT: %{{.*}}, %{{.*}} = stream.fork
// CHECK-NEXT: stream.argmax {{.*}} -> !stream.stream<1, 1, 1, !blend.fixed<3, 3>, 1>
// CHECK-NEXT: stream.sink %{{.*}} {layer = "output.class"}
// CHECK-NEXT: stream.sink %{{.*}} {layer = "output.scores"}
// CHECK-NEXT: func.return %{{.*}}, %{{.*}} : tensor<1x1x!blend.fixed<3, 3>>, tensor<1x4xsi8>
builtin.module @two_outputs {
  func.func @main(%x : tensor<1x4xsi8>) -> (tensor<1x1x!blend.fixed<3, 3>> {blend.name = "class"}, tensor<1x4xsi8> {blend.name = "scores"}) {
    %y = blend.argmax %x {layer = "argmax", axis = 1 : i64} : (tensor<1x4xsi8>) -> tensor<1x1x!blend.fixed<3, 3>>
    func.return %y, %x : tensor<1x1x!blend.fixed<3, 3>>, tensor<1x4xsi8>
  }
}

// -----

// CHECK-LABEL: builtin.module @one_value_twice {
// CHECK: stream.fork
// CHECK: stream.sink %{{.*}} {layer = "output.0"}
// CHECK-NEXT: stream.sink %{{.*}} {layer = "output.1"}
builtin.module @one_value_twice {
  func.func @main(%x : tensor<1x4xui8>) -> (tensor<1x4xui8>, tensor<1x4xui8>) {
    func.return %x, %x : tensor<1x4xui8>, tensor<1x4xui8>
  }
}

// -----

// CHECK-LABEL: builtin.module @rows_do_not_stream_together {
// CHECK: stream.source
// CHECK-NEXT: stream.reorder {{.*}}layer = "argmax.reorder"
// CHECK-NEXT: stream.argmax {{.*}} : (!stream.stream<6, 1, 2, ui8, 1>) -> !stream.stream<6, 1, 1, !blend.fixed<2, 2>, 1>
builtin.module @rows_do_not_stream_together {
  func.func @main(%x : tensor<1x3x2x2xui8>) -> tensor<1x3x1x2x!blend.fixed<2, 2>> {
    %y = blend.argmax %x {layer = "argmax", axis = 2 : i64} : (tensor<1x3x2x2xui8>) -> tensor<1x3x1x2x!blend.fixed<2, 2>>
    func.return %y : tensor<1x3x1x2x!blend.fixed<2, 2>>
  }
}
