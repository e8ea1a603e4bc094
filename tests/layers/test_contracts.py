"""Each layer contract of pyproject.toml keeps on a clean tree and breaks when violated, so none is an idle promise."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any, Final

import pytest

REPO_ROOT: Final = Path(__file__).resolve().parents[2]
PYPROJECT: Final[dict[str, Any]] = tomllib.loads((REPO_ROOT / "pyproject.toml").read_text("utf-8"))
SETTINGS: Final[dict[str, Any]] = PYPROJECT["tool"]["importlinter"]
CONTRACTS: Final[list[dict[str, Any]]] = SETTINGS["contracts"]
IDS: Final = [contract["id"] for contract in CONTRACTS]

# contract -> the imports that must break it, each as (file, module it may not import)
VIOLATIONS: Final[dict[str, tuple[tuple[str, str], ...]]] = {
    "service-layers": (
        ("choreo_service.core", "choreo_service.loop"),
        ("choreo_service.packets", "choreo_service.engine"),
        ("choreo_service.frames", "choreo_service.core"),
    ),
    "package-layers": (
        ("choreo_service.service", "choreo_adapters.sensors.one"),
        ("choreo_service.engine", "choreo_pipelines"),
    ),
    "nobody-imports-the-studio": (
        ("choreo_adapters.sensors.one", "choreo_pipelines"),
        ("choreo_models.m1", "choreo_pipelines"),
    ),
    "adapters-see-the-plugin-api": (
        ("choreo_adapters.sensors.one", "choreo_service.engine"),
        ("choreo_adapters.bridges.one", "choreo_models"),
        ("choreo_adapters.bridges.one", "torch"),
    ),
    "models-see-packets": (
        ("choreo_models.m1", "choreo_service.engine"),
        ("choreo_models.m1", "choreo_adapters"),
    ),
    "only-service-imports-models": (("choreo_service.engine", "choreo_models"),),
    "adapters-are-independent": (
        ("choreo_adapters.sensors.one", "choreo_adapters.sensors.two"),
        ("choreo_adapters.bridges.one", "choreo_adapters.sensors.one"),
    ),
    "one-clock": (
        ("choreo_service.ticker", "time"),
        ("choreo_adapters.bridges.one", "datetime"),
    ),
}
CASES: Final = [
    pytest.param(contract, importer, imported, id=f"{contract}: {importer} imports {imported}")
    for contract, imports in VIOLATIONS.items()
    for importer, imported in imports
]


def test_every_contract_has_a_violation() -> None:
    assert sorted(VIOLATIONS) == sorted(IDS)


@pytest.mark.parametrize("contract", CONTRACTS, ids=IDS)
def test_contracts_name_only_modules_that_exist(contract: dict[str, Any]) -> None:
    """import-linter takes a misspelt forbidden module for an external one and stays silent."""
    missing = [module for module in sorted(_own_modules(contract)) if not _exists(module)]
    assert missing == []


def test_all_contracts_keep_on_a_clean_tree(skeleton: Path) -> None:
    result = _lint(skeleton)
    assert result.returncode == 0, result.stdout
    assert f"{len(CONTRACTS)} kept, 0 broken" in result.stdout


@pytest.mark.parametrize(("contract", "importer", "imported"), CASES)
def test_a_violated_contract_breaks(skeleton: Path, contract: str, importer: str, imported: str) -> None:
    _file(skeleton, importer).write_text(f"import {imported}\n", "utf-8")
    result = _lint(skeleton, contract)
    assert result.returncode == 1, result.stdout
    assert "0 kept, 1 broken" in result.stdout
    assert importer in result.stdout


def test_a_module_outside_the_layers_breaks_them(skeleton: Path) -> None:
    """The layers are exhaustive: a new module of choreo_service must be given its place."""
    (skeleton / "choreo_service" / "utils.py").touch()
    result = _lint(skeleton, "service-layers")
    assert result.returncode == 1, result.stdout
    assert "utils" in result.stdout


@pytest.fixture(scope="session")
def clean_skeleton(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The four packages with every module a contract or a violation names, empty; and the contracts as they stand."""
    root = tmp_path_factory.mktemp("skeleton")
    shutil.copy(REPO_ROOT / "pyproject.toml", root)
    named = {module for contract in CONTRACTS for module in _own_modules(contract)}
    named |= {module for imports in VIOLATIONS.values() for pair in imports for module in pair}
    named |= {"choreo_service.clock", "choreo_adapters.sensors.two", "choreo_adapters.bridges.two"}
    for module in sorted(named):
        if module.split(".")[0] in SETTINGS["root_packages"]:
            _create(root, module)
    (root / "choreo_service" / "clock.py").write_text("import time\nimport datetime\n", "utf-8")
    return root


@pytest.fixture
def skeleton(clean_skeleton: Path, tmp_path: Path) -> Path:
    """A copy to violate."""
    return Path(shutil.copytree(clean_skeleton, tmp_path / "tree"))


def _lint(root: Path, *contracts: str) -> subprocess.CompletedProcess[str]:
    only = [word for contract in contracts for word in ("--contract", contract)]
    command = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    argv = [sys.executable, "-P", "-c", command, "--no-cache", *only]
    # The skeleton's folder stands before the installed packages, so that it is what import-linter finds.
    return subprocess.run(argv, cwd=root, env={"PYTHONPATH": str(root)}, capture_output=True, text=True, timeout=60)


def _own_modules(contract: dict[str, Any]) -> set[str]:
    """Modules of ours a contract names, without wildcards; layers and containers joined to full names."""
    names = [name for key in ("source_modules", "forbidden_modules", "modules") for name in contract.get(key, ())]
    names += [side.strip() for rule in contract.get("ignore_imports", ()) for side in rule.split("->")]
    layers = [name.strip(" ()") for layer in contract.get("layers", ()) for name in layer.replace("|", ":").split(":")]
    names += [f"{container}.{layer}" for container in contract.get("containers", ()) for layer in layers]
    return {name.removesuffix(".*") for name in names if name.split(".")[0] in SETTINGS["root_packages"]}


def _exists(module: str) -> bool:
    """Whether the module has a file in the repository; a package counts."""
    roots = (REPO_ROOT / folder for folder in (".", "adapters", "models", "pipelines"))
    stems = [root.joinpath(*module.split(".")) for root in roots]
    return any(stem.with_suffix(".py").is_file() or (stem / "__init__.py").is_file() for stem in stems)


def _create(root: Path, module: str) -> None:
    """An empty module with its parent packages; a package where others stand below it."""
    parents = module.split(".")[:-1]
    for depth in range(1, len(parents) + 1):
        folder = root.joinpath(*parents[:depth])
        folder.with_suffix(".py").unlink(missing_ok=True)
        folder.mkdir(exist_ok=True)
        (folder / "__init__.py").touch()
    if "." not in module:
        (root / module).mkdir(exist_ok=True)
        (root / module / "__init__.py").touch()
    elif not root.joinpath(*module.split(".")).is_dir():
        root.joinpath(*module.split(".")).with_suffix(".py").touch()


def _file(root: Path, module: str) -> Path:
    return root.joinpath(*module.split(".")).with_suffix(".py")
