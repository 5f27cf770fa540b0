# SPDX-License-Identifier: Apache-2.0
"""What transformers' apply_chat_template makes of a template, at a fixed time."""
import datetime
import json

import jinja2
import transformers.utils.chat_template_utils as utils

NOW = datetime.datetime(2024, 11, 21, 14, 34, 56, 789012)


class FixedTime(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return NOW


utils.datetime = FixedTime


def render(template, context):
    """("text", text), ("raised", message) for raise_exception, or ("error", type and message)."""
    variables = {"tools": None, "documents": None, "add_generation_prompt": False, **context}
    try:
        text = utils._compile_jinja_template(template).render(**variables)
        text.encode("utf-8")
        return "text", text
    except jinja2.exceptions.TemplateError as error:
        if type(error) is jinja2.exceptions.TemplateError:
            return "raised", str(error.message)
        return "error", f"{type(error).__name__}: {error}"
    except RecursionError as error:
        return "error", f"RecursionError: {error}"
    except Exception as error:  # whatever Python raises is an error of the template
        return "error", f"{type(error).__name__}: {error}"
    except SyntaxError as error:
        return "error", f"SyntaxError: {error}"


def load(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)
