//! The walk over the tree that takes out what does not count.

use syn::punctuated::Punctuated;
use syn::visit_mut::{self, VisitMut};
use syn::{Attribute, Expr, ImplItem, Pat, Stmt, Token, Visibility};

use super::{attributes, imports, literals, macros, statements};

/// Takes out of a tree what does not count.
#[derive(Default)]
pub(super) struct Normalise {
    /// Whether we are in a module, where visibility counts.
    pub(super) in_module: bool,
    /// Whether we are in a type with derives, where documentation counts.
    pub(super) in_derived: bool,
}

/// Drops the trailing separator of some lists of a node, then goes on into the node.
macro_rules! trim {
    ($($method:ident($node:ident): $($list:ident)|+;)+) => {
        $(
            fn $method(&mut self, node: &mut syn::$node) {
                $(node.$list.pop_punct();)+
                visit_mut::$method(self, node);
            }
        )+
    };
}

impl VisitMut for Normalise {
    trim! {
        visit_angle_bracketed_generic_arguments_mut(AngleBracketedGenericArguments): args;
        visit_bound_lifetimes_mut(BoundLifetimes): lifetimes;
        visit_constraint_mut(Constraint): bounds;
        visit_expr_array_mut(ExprArray): elems;
        visit_expr_call_mut(ExprCall): args;
        visit_expr_struct_mut(ExprStruct): fields;
        visit_expr_tuple_mut(ExprTuple): elems;
        visit_fields_named_mut(FieldsNamed): named;
        visit_fields_unnamed_mut(FieldsUnnamed): unnamed;
        visit_generics_mut(Generics): params;
        visit_item_enum_mut(ItemEnum): variants;
        visit_item_trait_mut(ItemTrait): supertraits;
        visit_lifetime_param_mut(LifetimeParam): bounds;
        visit_parenthesized_generic_arguments_mut(ParenthesizedGenericArguments): inputs;
        visit_pat_slice_mut(PatSlice): elems;
        visit_pat_struct_mut(PatStruct): fields;
        visit_pat_tuple_mut(PatTuple): elems;
        visit_precise_capture_mut(PreciseCapture): params;
        visit_predicate_lifetime_mut(PredicateLifetime): bounds;
        visit_predicate_type_mut(PredicateType): bounds;
        visit_signature_mut(Signature): inputs;
        visit_trait_item_type_mut(TraitItemType): bounds;
        visit_type_fn_ptr_mut(TypeFnPtr): inputs;
        visit_type_impl_trait_mut(TypeImplTrait): bounds;
        visit_type_param_mut(TypeParam): bounds;
        visit_type_trait_object_mut(TypeTraitObject): bounds;
        visit_type_tuple_mut(TypeTuple): elems;
        visit_use_group_mut(UseGroup): items;
        visit_where_clause_mut(WhereClause): predicates;
    }

    fn visit_attributes_mut(&mut self, attributes: &mut Vec<Attribute>) {
        if attributes.is_empty() {
            return;
        }
        if !self.in_derived {
            attributes.retain(|attribute| !attributes::is_documentation(attribute));
        }
        attributes::merge_derives(attributes);
        for attribute in attributes {
            attributes::drop_options_of_running(attribute);
            self.visit_attribute_mut(attribute);
        }
    }

    fn visit_meta_list_mut(&mut self, list: &mut syn::MetaList) {
        visit_mut::visit_meta_list_mut(self, list);
        let tokens = literals::by_value(std::mem::take(&mut list.tokens));
        list.tokens = attributes::without_last_commas(tokens);
    }

    fn visit_visibility_mut(&mut self, visibility: &mut Visibility) {
        if !self.in_module {
            *visibility = Visibility::Inherited;
        }
        if let Visibility::Restricted(restricted) = visibility
            && restricted.path.get_ident().is_some()
        {
            restricted.in_token = None;
        }
    }

    fn visit_item_mod_mut(&mut self, module: &mut syn::ItemMod) {
        // What a glob import or a method call finds depends on what can be seen from outside the module.
        let outer = std::mem::replace(&mut self.in_module, true);
        visit_mut::visit_item_mod_mut(self, module);
        self.in_module = outer;
        if let Some((_, items)) = &mut module.content {
            statements::sort_items(items);
        }
    }

    fn visit_item_mut(&mut self, item: &mut syn::Item) {
        let attributes = match &*item {
            syn::Item::Struct(item) => &item.attrs,
            syn::Item::Enum(item) => &item.attrs,
            syn::Item::Union(item) => &item.attrs,
            _ => return visit_mut::visit_item_mut(self, item),
        };
        // Derives see documentation, and some make code of it.
        let derived = attributes.iter().any(attributes::derives_of_documentation);
        let outer = std::mem::replace(&mut self.in_derived, derived);
        visit_mut::visit_item_mut(self, item);
        self.in_derived = outer;
    }

    fn visit_item_use_mut(&mut self, item: &mut syn::ItemUse) {
        visit_mut::visit_item_use_mut(self, item);
        item.tree = imports::sorted_tree(item);
    }

    fn visit_item_impl_mut(&mut self, item: &mut syn::ItemImpl) {
        visit_mut::visit_item_impl_mut(self, item);
        item.items.sort_by_cached_key(place);
    }

    fn visit_block_mut(&mut self, block: &mut syn::Block) {
        visit_mut::visit_block_mut(self, block);
        statements::normalise(block);
    }

    fn visit_stmt_mut(&mut self, statement: &mut Stmt) {
        if let Stmt::Macro(call) = statement
            && call.semi_token.is_some()
            && let Some(tried) = macros::tried(&call.mac)
        {
            let attrs = std::mem::take(&mut call.attrs);
            *statement = Stmt::Expr(Expr::Try(syn::ExprTry { attrs, ..tried }), call.semi_token);
        }
        visit_mut::visit_stmt_mut(self, statement);
    }

    fn visit_expr_mut(&mut self, expression: &mut Expr) {
        if let Expr::Macro(call) = expression
            && let Some(tried) = macros::tried(&call.mac)
        {
            let attrs = std::mem::take(&mut call.attrs);
            *expression = Expr::Try(syn::ExprTry { attrs, ..tried });
        }
        visit_mut::visit_expr_mut(self, expression);
        while let Expr::Paren(outer) = expression
            && outer.attrs.is_empty()
            && let Expr::Paren(_) = &*outer.expr
        {
            *expression = (*outer.expr).clone();
        }
    }

    fn visit_expr_method_call_mut(&mut self, call: &mut syn::ExprMethodCall) {
        call.args.pop_punct();
        visit_mut::visit_expr_method_call_mut(self, call);
        // rustfmt makes `(0.).max(x)` of `0.0.max(x)`.
        if let Expr::Paren(outer) = &*call.receiver
            && outer.attrs.is_empty()
            && let Expr::Lit(syn::ExprLit { lit: syn::Lit::Float(_), .. }) = &*outer.expr
        {
            call.receiver = outer.expr.clone();
        }
    }

    fn visit_expr_closure_mut(&mut self, closure: &mut syn::ExprClosure) {
        closure.inputs.pop_punct();
        visit_mut::visit_expr_closure_mut(self, closure);
        if let syn::ReturnType::Default = closure.output {
            statements::unwrap_body(&mut closure.body);
        }
    }

    fn visit_arm_mut(&mut self, arm: &mut syn::Arm) {
        // Printing puts a comma where one is needed.
        arm.comma = None;
        visit_mut::visit_arm_mut(self, arm);
        statements::unwrap_body(&mut arm.body);
    }

    fn visit_pat_tuple_struct_mut(&mut self, pattern: &mut syn::PatTupleStruct) {
        pattern.elems.pop_punct();
        visit_mut::visit_pat_tuple_struct_mut(self, pattern);
        condense(&mut pattern.elems);
    }

    fn visit_pat_mut(&mut self, pattern: &mut Pat) {
        visit_mut::visit_pat_mut(self, pattern);
        if let Pat::Or(alternatives) = pattern {
            alternatives.leading_vert = None;
            if alternatives.cases.len() == 1 && alternatives.attrs.is_empty() {
                *pattern = alternatives.cases[0].clone();
            }
        }
    }

    fn visit_field_value_mut(&mut self, field: &mut syn::FieldValue) {
        visit_mut::visit_field_value_mut(self, field);
        if let (syn::Member::Named(name), Expr::Path(value)) = (&field.member, &field.expr)
            && value.attrs.is_empty()
            && value.qself.is_none()
            && value.path.is_ident(name)
        {
            field.colon_token = None;
        }
    }

    fn visit_abi_mut(&mut self, abi: &mut syn::Abi) {
        visit_mut::visit_abi_mut(self, abi);
        if abi.name.as_ref().is_some_and(|name| name.value() == "C") {
            abi.name = None;
        }
    }

    fn visit_lit_mut(&mut self, literal: &mut syn::Lit) {
        literals::normalise(literal);
    }

    fn visit_macro_mut(&mut self, call: &mut syn::Macro) {
        visit_mut::visit_macro_mut(self, call);
        macros::normalise(self, call);
    }
}

/// Where rustfmt puts an item of an impl if it is told to order them.
fn place(item: &ImplItem) -> (u8, String) {
    match item {
        ImplItem::Type(item) => (0, item.ident.to_string()),
        ImplItem::Const(item) => (1, item.ident.to_string()),
        ImplItem::Macro(_) => (2, String::new()),
        _ => (3, String::new()),
    }
}

/// `..` for two and more `_` at the end, if there is no other `..`.
///
/// Not for tuples without a name: how many there are may decide what a tuple is made by.
fn condense(elements: &mut Punctuated<Pat, Token![,]>) {
    let is_wild = |pattern: &Pat| matches!(pattern, Pat::Wild(wild) if wild.attrs.is_empty());
    let count = elements.iter().rev().take_while(|pattern| is_wild(pattern)).count();
    if count < 2 || elements.iter().any(|pattern| matches!(pattern, Pat::Rest(_))) {
        return;
    }
    for _ in 0..count {
        elements.pop();
    }
    elements.push(Pat::Rest(syn::PatRest { attrs: Vec::new(), dot2_token: Default::default() }));
}
