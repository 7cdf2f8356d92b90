//! A handful of values in place: what does not fit is dropped, so that a hostile body costs nothing.

pub(crate) struct Few<T, const N: usize> {
    items: [Option<T>; N],
    len: usize,
}

impl<T, const N: usize> Default for Few<T, N> {
    fn default() -> Self {
        Self {
            items: [const { None }; N],
            len: 0,
        }
    }
}

impl<T, const N: usize> Few<T, N> {
    pub(crate) fn push(&mut self, item: T) {
        if let Some(place) = self.items.get_mut(self.len) {
            *place = Some(item);
            self.len += 1;
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.items[..self.len].iter().flatten()
    }

    pub(crate) fn map<U>(self, change: impl Fn(T) -> U) -> Few<U, N> {
        Few {
            items: self.items.map(|item| item.map(&change)),
            len: self.len,
        }
    }
}

impl<T, const N: usize> IntoIterator for Few<T, N> {
    type Item = T;
    type IntoIter = std::iter::Flatten<std::array::IntoIter<Option<T>, N>>;

    fn into_iter(self) -> Self::IntoIter {
        self.items.into_iter().flatten()
    }
}
