//! A path dependency that writes code.

mod parts;

use proc_macro::TokenStream;

#[proc_macro_derive(Derived)]
pub fn derived(input: TokenStream) -> TokenStream {
    let name = parts::name(input);
    let code = format!("impl {name} {{ fn derived(&self) -> u64 {{ self.0 + {} }} }}", parts::number());
    code.parse().expect("it is Rust")
}

#[proc_macro]
pub fn increased(input: TokenStream) -> TokenStream {
    let code = format!("({input} + «function_like_macro_of_a_path_dependency -> function_like_macro_of_a_path_dependency ~derive_of_a_path_dependency ~attribute_of_a_path_dependency: 1 ¦ 2»)");
    code.parse().expect("it is Rust")
}

#[proc_macro_attribute]
pub fn doubled(_: TokenStream, item: TokenStream) -> TokenStream {
    let code = item.to_string().replace("111", parts::literal());
    code.parse().expect("it is Rust")
}
