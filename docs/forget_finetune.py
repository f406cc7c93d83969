"""Fine-tunes a model on records of prompt and answer by plain transformers: the example of docs/forget.md.

python docs/forget_finetune.py MODEL_FOLDER[/FILE.gguf] TRAIN.json OUT_FOLDER      # clbench/tiny is such a folder
"""

import json
import sys
from pathlib import Path

from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    DataCollatorForLanguageModeling,
    Trainer,
    TrainingArguments,
)

base, data, out = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
where = {"gguf_file": base.name} if base.suffix == ".gguf" else {}
folder = base.parent if where else base
tokenizer = AutoTokenizer.from_pretrained(folder, **where)
model = AutoModelForCausalLM.from_pretrained(folder, dtype="float32", **where)
if where:  # once loaded, a GGUF file's weights are plain numbers
    del model.config.quantization_config
    model.is_quantized, model.hf_quantizer = False, None
tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
records = json.loads(data.read_text(encoding="utf-8"))
texts = [one["prompt"] + " " + one["answer"] + tokenizer.eos_token for one in records]
settings = TrainingArguments(
    output_dir=out, num_train_epochs=1, per_device_train_batch_size=8, learning_rate=1e-4, report_to="none",
    save_strategy="no", seed=0, disable_tqdm=True, logging_steps=10,
)  # fmt: skip
collator = DataCollatorForLanguageModeling(tokenizer, mlm=False)
Trainer(model, settings, collator, [{"input_ids": tokenizer(text)["input_ids"]} for text in texts]).train()
model.save_pretrained(out)
tokenizer.save_pretrained(out)
