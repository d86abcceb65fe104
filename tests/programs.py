"""Submissions as different people write them, for one competition, and its starting kit."""

from __future__ import annotations

STARTING_KIT = """
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

NUMERIC = ["age", "fare", "siblings", "parents"]
CATEGORICAL = ["sex", "port", "class"]


def clean(X):
    X = X.copy()
    X["age"] = X["age"].fillna(X["age"].median())
    X["fare"] = X["fare"].clip(0, 300)
    return X


def get_estimator():
    encode = make_column_transformer(
        (StandardScaler(), NUMERIC),
        (OneHotEncoder(handle_unknown="ignore"), CATEGORICAL),
    )
    return make_pipeline(encode, LogisticRegression(max_iter=1000))
"""

ADA = '''
import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import Pipeline


class Features(BaseEstimator, TransformerMixin):
    """Ratios and frequencies."""

    def __init__(self, smoothing=10):
        self.smoothing = smoothing

    def fit(self, X, y):
        prior = np.mean(y)
        self.rates_ = {}
        for column in ["sex", "port", "class"]:
            grouped = pd.Series(y, index=X.index).groupby(X[column])
            count, mean = grouped.count(), grouped.mean()
            self.rates_[column] = (count * mean + self.smoothing * prior) / (count + self.smoothing)
        self.prior_ = prior
        return self

    def transform(self, X):
        out = pd.DataFrame(index=X.index)
        out["fare_per_head"] = X["fare"] / (1 + X["siblings"] + X["parents"])
        out["is_child"] = (X["age"] < 14).astype(int)
        for column, rates in self.rates_.items():
            out[column] = X[column].map(rates).fillna(self.prior_)
        return out


def get_estimator():
    return Pipeline([
        ("features", Features()),
        ("forest", RandomForestClassifier(n_estimators=300, min_samples_leaf=3, random_state=0)),
    ])
'''

# Ada's, renamed, moved about, reformatted, with other numbers, comments and a loop of another's.
EVE = """
from sklearn.ensemble import RandomForestClassifier as RF
from sklearn.pipeline import Pipeline as P
from sklearn.base import TransformerMixin, BaseEstimator
import pandas as p
import numpy as n


def get_estimator():
    # my own model
    return P([("enc", TargetStuff()), ("rf", RF(n_estimators=500, min_samples_leaf=2, random_state=42))])


class TargetStuff(BaseEstimator, TransformerMixin):

    def __init__(self, m=25):
        self.m = m

    def transform(self, data):
        result = p.DataFrame(index=data.index)
        result["f1"] = data["fare"] / (1 + data["siblings"] + data["parents"])
        result["f2"] = (data["age"] < 16).astype(int)
        for name, values in self.table_.items():
            result[name] = data[name].map(values).fillna(self.base_)
        return result

    def fit(self, data, target):
        base = n.mean(target)
        self.table_ = {}
        for c in ["class", "sex"]:
            g = p.Series(target, index=data.index).groupby(data[c])
            size, avg = g.count(), g.mean()
            self.table_[c] = (size * avg + self.m * base) / (size + self.m)
        self.base_ = base
        return self
"""

BOB = """
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

num_cols = ["age", "fare", "siblings", "parents"]
cat_cols = ["sex", "port", "class"]


def get_estimator():
    numeric_transformer = Pipeline(steps=[
        ("imputer", SimpleImputer(strategy="median")),
        ("scaler", StandardScaler()),
    ])
    categorical_transformer = Pipeline(steps=[
        ("imputer", SimpleImputer(strategy="most_frequent")),
        ("onehot", OneHotEncoder(handle_unknown="ignore")),
    ])
    preprocessor = ColumnTransformer(transformers=[
        ("num", numeric_transformer, num_cols),
        ("cat", categorical_transformer, cat_cols),
    ])
    clf = Pipeline(steps=[
        ("preprocessor", preprocessor),
        ("classifier", RandomForestClassifier(n_estimators=200, max_depth=8, random_state=42)),
    ])
    return clf
"""

MAY = """
import numpy as np
from sklearn.ensemble import RandomForestClassifier


class Model:
    def __init__(self):
        self.clf = RandomForestClassifier(n_estimators=500, max_features="sqrt", n_jobs=1)
        self.columns = None

    def _prepare(self, X):
        X = X.copy()
        X["family"] = X["siblings"] + X["parents"] + 1
        X["alone"] = np.where(X["family"] == 1, 1, 0)
        X["sex"] = X["sex"].map({"male": 0, "female": 1})
        X["port"] = X["port"].fillna("S").map({"S": 0, "C": 1, "Q": 2})
        X["age"] = X.groupby(["sex", "class"])["age"].transform(lambda s: s.fillna(s.median()))
        X["fare_bin"] = np.digitize(X["fare"], [8, 14, 31])
        return X.fillna(0)

    def fit(self, X, y):
        X = self._prepare(X)
        self.columns = list(X.columns)
        self.clf.fit(X, y)
        return self

    def predict_proba(self, X):
        return self.clf.predict_proba(self._prepare(X)[self.columns])

    def predict(self, X):
        return self.predict_proba(X).argmax(axis=1)


def get_estimator():
    return Model()
"""

KIM = """
from sklearn.ensemble import RandomForestClassifier, HistGradientBoostingClassifier, VotingClassifier
from sklearn.preprocessing import OrdinalEncoder, FunctionTransformer
from sklearn.pipeline import make_pipeline
from sklearn.compose import make_column_transformer, make_column_selector


def add_features(df):
    df = df.assign(
        family_size=df.siblings + df.parents + 1,
        fare_log=df.fare.clip(lower=1).pipe(lambda s: s ** 0.5),
        title=df["class"].astype(str) + df.sex,
    )
    return df.drop(columns=["parents"])


def get_estimator():
    enc = make_column_transformer(
        (OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1),
         make_column_selector(dtype_include=object)),
        remainder="passthrough",
    )
    rf = RandomForestClassifier(n_estimators=400, max_depth=7, random_state=1)
    gb = HistGradientBoostingClassifier(learning_rate=0.05, max_iter=200, random_state=1)
    vote = VotingClassifier([("rf", rf), ("gb", gb)], voting="soft")
    return make_pipeline(FunctionTransformer(add_features), enc, vote)
"""

# Two who changed one line of the starting kit.
TIM = STARTING_KIT.replace(
    "LogisticRegression(max_iter=1000)", "RandomForestClassifier(n_estimators=100)"
).replace("linear_model import LogisticRegression", "ensemble import RandomForestClassifier")
TOM = TIM.replace("n_estimators=100", "n_estimators=250, max_depth=6").replace("median", "mean")

INDEPENDENT = {"ada": ADA, "bob": BOB, "may": MAY, "kim": KIM, "tim": TIM, "tom": TOM}
