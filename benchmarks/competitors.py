"""What XBERT is held against: trees, a linear rule, and the graph network alone.

Each is a ``held_out.Model``. None sees a label of the crystals it answers for, and what it leaves open is
chosen on an inner fifth (by formula) of the crystals it learns from.
"""

from pathlib import Path
from typing import Any

import numpy as np
from held_out import FOLDS, INNER, Answers, clear_classes
from tree_features import bond_features, group_features, tree_features

from xbert.training.data import LabelledCrystals
from xbert.training.labels import CLASSES, SOURCES
from xbert.training.splits import formula_fold

TREES: dict[str, Any] = {
    "features": "composition, electrons, volume, space group, bonds; source; version 1",
    "parameters": {
        "learning_rate": 0.1,
        "num_leaves": 63,
        "min_child_samples": 10,
        "subsample": 0.8,
        "subsample_freq": 1,
        "colsample_bytree": 0.3,
    },
    "most_trees": 3000,
    "patience": 25,
    "members": 3,
}
"""LightGBM. The space group is a category; how many trees is left to the inner fold."""

LINEAR: dict[str, Any] = {"features": "element fractions", "penalties": [1.0, 10.0, 100.0, 1000.0]}

GRAPH: dict[str, Any] = {"width": 64, "layers": 3, "batch_size": 64, "learning_rate": 1e-3}


def trees(
    data: LabelledCrystals, train: np.ndarray, test: np.ndarray, directory: Path
) -> tuple[Answers, dict[str, Any]]:
    """Train LightGBM on all sources at once, the source among the features.

    Told all three labels of a crystal as three rows, trees do better on each source than trees for each
    alone. The number of trees comes from the inner fold and grows with the rows of the last training; some
    forests of different seeds are averaged.
    """
    from lightgbm import LGBMClassifier, early_stopping

    plain = tree_features(data.features, True)
    columns = np.hstack([plain, group_features(data.features), bond_features(data.features)])
    category = [plain.shape[1] - 1]  # the space group is its last column
    truth = clear_classes(data)

    def forest(n: int, seed: int) -> LGBMClassifier:
        fixed = TREES["parameters"]
        return LGBMClassifier(n_estimators=n, random_state=seed, n_jobs=1, verbose=-1, **fixed)

    inner = formula_fold([data.keys[row] for row in train], FOLDS, seed=INNER)
    x_inner, y_inner = _stacked(columns, truth, train[inner == 0])
    model = forest(TREES["most_trees"], 0)
    model.fit(
        *_stacked(columns, truth, train[inner != 0]),
        eval_X=x_inner,
        eval_y=y_inner,
        eval_metric="multi_logloss",
        callbacks=[early_stopping(TREES["patience"], verbose=False)],
        categorical_feature=category,
    )
    n = round(int(model.best_iteration_) * FOLDS / (FOLDS - 1))
    x, y = _stacked(columns, truth, train)
    members = []
    for seed in range(TREES["members"]):
        model = forest(n, seed).fit(x, y, categorical_feature=category)
        by_source = [model.predict_proba(_with_source(columns[test], s)) for s in range(len(SOURCES))]
        members.append(np.stack(by_source, axis=1))
    classes = np.mean(members, 0)
    spread = np.std(members, 0)[:, :, 0].mean(1)
    return {"topological": 1.0 - classes[..., 0], "classes": classes, "spread": spread}, {"trees": n}


def linear_rule(
    data: LabelledCrystals, train: np.ndarray, test: np.ndarray, directory: Path
) -> tuple[Answers, dict[str, Any]]:
    """Weigh the elements: topological if the mean weight of a crystal's atoms is positive.

    The rule is that of A. Ma et al., Nano Lett. 23, 772 (2023), one number per element and nothing else;
    fitted here as a logistic regression, which gives probabilities, where theirs is a support-vector machine.
    One rule for each source, and for three classes one set of weights each. The penalty is chosen on the
    inner fold.
    """
    truth = clear_classes(data)
    x = data.features.composition
    inner = formula_fold([data.keys[row] for row in train], FOLDS, seed=INNER)
    m = len(test)
    answers: Answers = {
        "topological": np.full((m, 3), np.nan),
        "classes": np.full((m, 3, 3), np.nan),
        "spread": np.full(m, np.nan),
    }
    chosen: dict[str, Any] = {}
    for s, source in enumerate(SOURCES):
        for question in ("topological", "classes"):
            y = truth[:, s] if question == "classes" else (truth[:, s] > 0).astype(int)
            clear = truth[train, s] >= 0
            fit, held = train[clear & (inner != 0)], train[clear & (inner == 0)]
            losses = [_log_loss(_logistic(x[fit], y[fit], c), x[held], y[held]) for c in LINEAR["penalties"]]
            penalty = LINEAR["penalties"][int(np.argmin(losses))]
            model = _logistic(x[train[clear]], y[train[clear]], penalty)
            p = model.predict_proba(x[test])
            answers[question][:, s] = p if question == "classes" else p[:, 1]
            chosen[f"{source}, {question}"] = {"penalty": penalty, "losses": losses}
    return answers, chosen


def graph_alone(epochs: int) -> Any:
    """Return a model that trains CGCNN alone (``xbert.model.GraphAlone``) on all sources for some epochs.

    It resumes after the last epoch that was finished.
    """

    def train_and_answer(
        data: LabelledCrystals, train: np.ndarray, test: np.ndarray, directory: Path
    ) -> tuple[Answers, dict[str, Any]]:
        import torch

        from xbert.features import collate
        from xbert.model import GraphAlone, XBERTConfig
        from xbert.predict import batches
        from xbert.training.loop import Schedule, ema_for, fit

        outputs = {"topology": len(SOURCES) * len(CLASSES)}
        config = XBERTConfig(
            outputs=outputs, graph_width=GRAPH["width"], graph_layers=GRAPH["layers"], encoder="cgcnn"
        )
        targets = torch.from_numpy(data.labels.targets.astype(np.float32))

        def loss(found: dict[str, torch.Tensor], rows: np.ndarray) -> torch.Tensor:
            target = targets[torch.from_numpy(rows)]
            log_p = torch.log_softmax(found["topology"].view(-1, len(SOURCES), len(CLASSES)), -1)
            return -(target * log_p).sum() / target.sum().clamp_min(1.0)

        steps = epochs * len(train) // GRAPH["batch_size"]
        schedule = Schedule(
            epochs=epochs,
            batch_size=GRAPH["batch_size"],
            learning_rate=GRAPH["learning_rate"],
            ema=ema_for(steps),
        )
        torch.manual_seed(0)
        model = fit(GraphAlone(config), data.features, train, loss, schedule, directory).eval()
        part = data.features.take(test)
        classes = np.empty((len(test), len(SOURCES), len(CLASSES)), dtype=np.float32)
        with torch.inference_mode():
            for rows in batches(part):
                z = model(collate(part, rows))["topology"].float().view(-1, len(SOURCES), len(CLASSES))
                classes[rows] = torch.softmax(z, -1).numpy()
        return {
            "topological": 1.0 - classes[..., 0],
            "classes": classes,
            "spread": np.full(len(test), np.nan),
        }, {"epochs": epochs}

    return train_and_answer


def linear_scores(x: np.ndarray, y: np.ndarray, wanted: np.ndarray, penalty: float) -> np.ndarray:
    """Fit the rule to element fractions ``x`` with labels of 0 and 1, and return the scores of ``wanted``."""
    return np.asarray(_logistic(x, y.astype(int), penalty).decision_function(wanted))


def _logistic(x: np.ndarray, y: np.ndarray, penalty: float) -> Any:
    from sklearn.linear_model import LogisticRegression

    # The fractions of a crystal sum to one, so that an intercept would say nothing new.
    return LogisticRegression(C=penalty, fit_intercept=False, max_iter=2000).fit(x, y)


def _log_loss(model: Any, x: np.ndarray, y: np.ndarray) -> float:
    from sklearn.metrics import log_loss

    return float(log_loss(y, model.predict_proba(x), labels=model.classes_))


def _stacked(columns: np.ndarray, truth: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Features and classes of one row per crystal and source that speaks clearly."""
    places, sources = np.nonzero(truth[rows] >= 0)
    chosen = rows[places]
    return np.column_stack([columns[chosen], sources]), truth[chosen, sources]


def _with_source(columns: np.ndarray, source: int) -> np.ndarray:
    return np.column_stack([columns, np.full(len(columns), source)])
