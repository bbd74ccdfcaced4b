use daglite::task;

#[task(cache, cache_tll = "1h", cache_ttl = "0s", cache_exclude = [missing], cache_version = 2)]
fn sum(first: u32, second: &mut u32) -> u32 {
    first + *second
}

fn main() {
    let total: daglite::TaskFuture<u32> = sum(1, 2);
    drop(total);
}
