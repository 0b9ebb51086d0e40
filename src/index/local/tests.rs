//! Files of features, whole and broken.
