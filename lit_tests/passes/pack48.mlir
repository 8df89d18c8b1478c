// RUN: blendir-opt %s --pack48 --split-input-file | filecheck %s
// RUN: blendir-opt %s --pack48 --split-input-file | blendir-opt --pack48 --split-input-file | filecheck %s

// CHECK-LABEL: builtin.module @conv {
// CHECK: blend.threshold {{.*}} -> tensor<1x2x3x3x!blend.word>
// CHECK: blend.packed_binary_conv2d {{.*}}channels = 50 {{.*}}pad_mode = #blend<pad_mode minus_one>
builtin.module @conv {
  func.func @main(%x : tensor<1x50x3x3xui8>) -> tensor<1x1x3x3xi32> {
    %t = blend.constant dense<5> : tensor<50xi64>
    %no = blend.constant dense<false> : tensor<50xi1>
    %w = blend.constant dense<true> : tensor<1x50x3x3xi1>
    %s = blend.threshold %x, %t, %no : (tensor<1x50x3x3xui8>, tensor<50xi64>, tensor<50xi1>) -> tensor<1x50x3x3xi1>
    %v = blend.binary_conv2d %s, %w {strides = array<i64: 1, 1>, padding = array<i64: 1, 1>, pad_mode = #blend.pad_mode minus_one} : (tensor<1x50x3x3xi1>, tensor<1x50x3x3xi1>) -> tensor<1x1x3x3xi32>
    func.return %v : tensor<1x1x3x3xi32>
  }
}

// -----

// CHECK-LABEL: builtin.module @linear {
// CHECK: blend.constant dense<{{\[\[}}281474976710655, 3]]> : tensor<1x2xi64> as tensor<1x2x!blend.word>
// CHECK: blend.packed_binary_linear {{.*}}channels = 50
builtin.module @linear {
  func.func @main(%x : tensor<1x50xui8>) -> tensor<1x1xi32> {
    %t = blend.constant dense<5> : tensor<50xi64>
    %no = blend.constant dense<false> : tensor<50xi1>
    %w = blend.constant dense<true> : tensor<1x50xi1>
    %s = blend.threshold %x, %t, %no : (tensor<1x50xui8>, tensor<50xi64>, tensor<50xi1>) -> tensor<1x50xi1>
    %v = blend.binary_linear %s, %w : (tensor<1x50xi1>, tensor<1x50xi1>) -> tensor<1x1xi32>
    func.return %v : tensor<1x1xi32>
  }
}

// -----

// CHECK-LABEL: builtin.module @flatten_keeps_words {
// CHECK: blend.reshape {{.*}} -> tensor<1x4x!blend.word>
// CHECK: dense<{{\[\[}}281474976710655, 281474976710655, 3, 3]]>
builtin.module @flatten_keeps_words {
  func.func @main(%x : tensor<1x50x1x2xui8>) -> tensor<1x1xi32> {
    %t = blend.constant dense<5> : tensor<50xi64>
    %no = blend.constant dense<false> : tensor<50xi1>
    %w = blend.constant dense<true> : tensor<1x100xi1>
    %s = blend.threshold %x, %t, %no : (tensor<1x50x1x2xui8>, tensor<50xi64>, tensor<50xi1>) -> tensor<1x50x1x2xi1>
    %f = blend.reshape %s : (tensor<1x50x1x2xi1>) -> tensor<1x100xi1>
    %v = blend.binary_linear %f, %w : (tensor<1x100xi1>, tensor<1x100xi1>) -> tensor<1x1xi32>
    func.return %v : tensor<1x1xi32>
  }
}

// -----

// CHECK-LABEL: builtin.module @max_pool_and_values {
// CHECK: blend.max_pool2d {{.*}}!blend.word
// CHECK: blend.bits_to_value {{.*}}!blend.word
builtin.module @max_pool_and_values {
  func.func @main(%x : tensor<1x50x2x2xui8>) -> tensor<1x50x1x1x!blend.fixed<2, 2>> {
    %t = blend.constant dense<5> : tensor<50xi64>
    %no = blend.constant dense<false> : tensor<50xi1>
    %s = blend.threshold %x, %t, %no : (tensor<1x50x2x2xui8>, tensor<50xi64>, tensor<50xi1>) -> tensor<1x50x2x2xi1>
    %p = blend.max_pool2d %s {kernel = array<i64: 2, 2>, strides = array<i64: 2, 2>, padding = array<i64: 0, 0>} : (tensor<1x50x2x2xi1>) -> tensor<1x50x1x1xi1>
    %v = blend.bits_to_value %p : (tensor<1x50x1x1xi1>) -> tensor<1x50x1x1x!blend.fixed<2, 2>>
    func.return %v : tensor<1x50x1x1x!blend.fixed<2, 2>>
  }
}

// -----

// CHECK-LABEL: builtin.module @concat_starts_a_word {
// CHECK: blend.concat {{.*}} -> tensor<1x4x!blend.word>
// CHECK: blend.bits_to_value {{.*}}lanes = 
builtin.module @concat_starts_a_word {
  func.func @main(%x : tensor<1x50xui8>) -> tensor<1x100x!blend.fixed<2, 2>> {
    %t = blend.constant dense<5> : tensor<50xi64>
    %no = blend.constant dense<false> : tensor<50xi1>
    %s = blend.threshold %x, %t, %no : (tensor<1x50xui8>, tensor<50xi64>, tensor<50xi1>) -> tensor<1x50xi1>
    %c = blend.concat %s, %s : (tensor<1x50xi1>, tensor<1x50xi1>) -> tensor<1x100xi1>
    %v = blend.bits_to_value %c : (tensor<1x100xi1>) -> tensor<1x100x!blend.fixed<2, 2>>
    func.return %v : tensor<1x100x!blend.fixed<2, 2>>
  }
}

// -----

// CHECK-LABEL: builtin.module @no_bits {
// CHECK: blend.affine
// CHECK-NOT: !blend.word
builtin.module @no_bits {
  func.func @main(%x : tensor<1x2xf64>) -> tensor<1x2xf64> {
    %one = blend.constant dense<1.0> : tensor<2xf64>
    %two = blend.constant dense<2.0> : tensor<2xf64>
    %a = blend.affine %x, %one, %two, %one : (tensor<1x2xf64>, tensor<2xf64>, tensor<2xf64>, tensor<2xf64>) -> tensor<1x2xf64>
    func.return %a : tensor<1x2xf64>
  }
}
